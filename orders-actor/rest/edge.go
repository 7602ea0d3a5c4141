package rest

import (
	"bytes"
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/middleware/cors"

	"orders/kit/httpapi/problem"
	"orders/orders-actor/auth"
)

// handler is a call by somebody who is signed in.
type handler func(c *fiber.Ctx, u auth.User) error

// secured sends the headers that keep a browser safe with every answer.
func (s *Server) secured(c *fiber.Ctx) error {
	s.secure(c)
	return c.Next()
}

func (s *Server) secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	c.Set(fiber.HeaderContentSecurityPolicy, s.csp)
}

// joined makes one line of a list that came in several: all else reads the first line only.
func joined(c *fiber.Ctx) error {
	for _, name := range []string{fiber.HeaderAccept, fiber.HeaderIfNoneMatch, "Prefer"} {
		if lines := c.Request().Header.PeekAll(name); len(lines) > 1 {
			c.Request().Header.SetBytesV(name, bytes.Join(lines, []byte(", ")))
		}
	}
	return c.Next()
}

// checkHost refuses requests for a host name that isn't expected. In dev mode everyone who can send a request gets a token,
// and a browser sends requests of a foreign page as well: after its own name was pointed at this address (DNS rebinding)
// the page may read the answers, but it can't change that name. An absolute request target names a host of its own.
func (s *Server) checkHost(c *fiber.Ctx) error {
	for _, authority := range [][]byte{c.Request().Header.Host(), c.Request().URI().Host()} {
		host := strings.TrimSuffix(strings.ToLower((&url.URL{Host: string(authority)}).Hostname()), ".")
		expected := func(name string) bool { return strings.EqualFold(name, host) }
		if !isLoopback(host) && !slices.ContainsFunc(s.DevHosts, expected) {
			return problem.New(problem.Forbidden, "with AUTH_MODE=dev this service answers to loopback names and those in DEV_AUTH_HOSTS, not to %q", short(host))
		}
	}
	return c.Next()
}

// isLoopback reports whether a host name, in lower case, can only mean the machine that looks it up (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// csp lets pages load from here only, and call the issuer where one signs in there.
func csp(issuer string) string {
	connect := "'self'"
	if issuer, err := url.Parse(issuer); err == nil && issuer.Host != "" {
		connect += " " + issuer.Scheme + "://" + issuer.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; " +
		"connect-src " + connect + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// compressed packs answers for those who take it. A live stream sees to it that it isn't packed.
func compressed() fiber.Handler { return compress.New(compress.Config{Level: compress.LevelBestSpeed}) }

func crossOrigin(origins []string) fiber.Handler {
	return cors.New(cors.Config{
		AllowOrigins:  strings.Join(origins, ","),
		AllowMethods:  "GET,HEAD,POST",
		AllowHeaders:  "Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,Last-Event-ID,Prefer,X-Request-Id",
		ExposeHeaders: "Content-Disposition,Date,ETag,Idempotency-Replayed,Location,Preference-Applied,RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,Retry-After,X-Request-Id",
		MaxAge:        int((10 * time.Minute).Seconds()),
	})
}

// public admits a call that needs no token.
func (s *Server) public(h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		if !s.calls.enter() {
			return overloaded()
		}
		defer s.calls.leave()
		return h(c)
	}
}

// signedIn admits a call of a user within the limits.
func (s *Server) signedIn(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error { return s.admit(c, h, 0, false) }
}

// patient is signedIn for a call that waits when asked to. It counts among those that wait then, so that they can't keep
// out the others.
func (s *Server) patient(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		wait, waits := preferWait(c)
		return s.admit(c, h, wait, waits)
	}
}

// patientOrStream is patient for the feed. A stream takes its place itself, for as long as it lasts.
func (s *Server) patientOrStream(h handler) fiber.Handler {
	wait, stream := s.patient(h), s.signedIn(h)
	return func(c *fiber.Ctx) error {
		if negotiate(c.Get(fiber.HeaderAccept), feedTypes) == eventStream {
			return stream(c)
		}
		return wait(c)
	}
}

// admit identifies the user under the bound of calls. A call that waits then changes over to the places for those, which
// are counted per user and so can't be taken before the user is known.
func (s *Server) admit(c *fiber.Ctx, h handler, wait time.Duration, waits bool) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization, fiber.HeaderAccept)
	if !s.calls.enter() {
		return overloaded()
	}
	leave := sync.OnceFunc(s.calls.leave)
	defer leave()
	ctx, cancel := context.WithTimeout(c.UserContext(), callTimeout+wait)
	defer cancel()
	c.SetUserContext(ctx)

	u, err := s.user(c)
	if err != nil {
		return err
	}
	if err := s.meter(c, u); err != nil {
		return err
	}
	if waits {
		leave()
		if err := s.waits.enter(u.ID); err != nil {
			return err
		}
		defer s.waits.leave(u.ID)
	}
	return h(c, u)
}

// user reads the bearer token.
func (s *Server) user(c *fiber.Ctx) (auth.User, error) {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return auth.User{}, problem.New(problem.Unauthenticated, "send a token: Authorization: Bearer <token>")
	}
	return s.Verifier.Verify(c.UserContext(), strings.Clone(strings.TrimSpace(token)))
}

// meter counts the call against the user's rate.
func (s *Server) meter(c *fiber.Ctx, u auth.User) error {
	if s.RateLimit == 0 {
		return nil
	}
	r := s.rates.take(u.ID)
	c.Set("RateLimit-Limit", strconv.Itoa(s.RateLimit))
	c.Set("RateLimit-Remaining", strconv.Itoa(r.remaining))
	c.Set("RateLimit-Reset", strconv.Itoa(r.reset))
	if r.ok {
		return nil
	}
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(r.retry))
	return problem.New(problem.RateLimited, "too many requests; try again in %d s", r.retry)
}
