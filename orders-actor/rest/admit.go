package rest

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/orders-actor/auth"
	"orders/orders-actor/rest/limit"
	"orders/orders-actor/rest/request"
)

// handler handles a call of an authenticated user.
type handler func(c *fiber.Ctx, u auth.User) error

// public admits a call that needs no token and responds with JSON, within the limit of concurrent calls.
func (s *Server) public(h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		if err := s.calls.Enter(); err != nil {
			return err
		}
		defer s.calls.Leave()
		if _, err := request.Accepted(c, fiber.MIMEApplicationJSON); err != nil {
			return err
		}
		return h(c)
	}
}

// signedIn admits a call of an authenticated user within the limits.
func (s *Server) signedIn(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error { return s.admit(c, h, 0, nil) }
}

// shared is signedIn for a call that waits for work that it shares with others, within a limit of its own.
func (s *Server) shared(slots *limit.Slots, h handler) fiber.Handler {
	return func(c *fiber.Ctx) error { return s.admit(c, h, 0, slots) }
}

// waitable is signedIn for a call that is a long poll when Prefer: wait asks for it. Long polls have a limit of their own,
// so that they do not block other calls.
func (s *Server) waitable(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		wait, waits := request.PreferWait(c)
		if !waits {
			return s.admit(c, h, 0, nil)
		}
		return s.admit(c, h, wait, s.waits)
	}
}

// waitableOrStream is waitable for the feed. A stream outlives its handler, so streamEvents takes its slot itself.
func (s *Server) waitableOrStream(h handler) fiber.Handler {
	poll, stream := s.waitable(h), s.signedIn(h)
	return func(c *fiber.Ctx) error {
		if request.Negotiate(c.Get(fiber.HeaderAccept), feedTypes) == eventStream {
			return stream(c)
		}
		return poll(c)
	}
}

// onlyJSON refuses a call whose client does not accept JSON.
func onlyJSON(h handler) handler {
	return func(c *fiber.Ctx, u auth.User) error {
		if _, err := request.Accepted(c, fiber.MIMEApplicationJSON); err != nil {
			return err
		}
		return h(c, u)
	}
}

// admit authenticates the user within the limit of concurrent calls. A call that waits then leaves that limit and takes one
// of the user's slots, unless slots is nil.
func (s *Server) admit(c *fiber.Ctx, h handler, wait time.Duration, slots *limit.Slots) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization, fiber.HeaderAccept)
	if err := s.calls.Enter(); err != nil {
		return err
	}
	leave := sync.OnceFunc(s.calls.Leave)
	defer leave()
	ctx, cancel := context.WithTimeout(c.UserContext(), callTimeout+wait)
	defer cancel()
	c.SetUserContext(ctx)

	u, err := s.authenticate(c)
	if err != nil {
		return err
	}
	if err := s.takeRate(c, u); err != nil {
		return err
	}
	if slots != nil {
		leave()
		if err := slots.Enter(u.ID); err != nil {
			return err
		}
		defer slots.Leave(u.ID)
	}
	return h(c, u)
}

// authenticate verifies the bearer token.
func (s *Server) authenticate(c *fiber.Ctx) (auth.User, error) {
	token := httpapi.BearerToken(c)
	if token == "" {
		return auth.User{}, problem.New(problem.Unauthenticated, "send a token: Authorization: Bearer <token>")
	}
	return s.Verifier.Verify(c.UserContext(), token)
}

// takeRate counts the call against the user's rate limit.
func (s *Server) takeRate(c *fiber.Ctx, u auth.User) error {
	if s.RateLimit == 0 {
		return nil
	}
	allowance := s.rates.Take(u.ID)
	c.Set("RateLimit-Limit", strconv.Itoa(s.RateLimit))
	c.Set("RateLimit-Remaining", strconv.Itoa(allowance.Remaining))
	c.Set("RateLimit-Reset", strconv.Itoa(allowance.Reset))
	if allowance.OK {
		return nil
	}
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(allowance.RetryAfter))
	return problem.New(problem.RateLimited, "too many requests; try again in %d s", allowance.RetryAfter)
}
