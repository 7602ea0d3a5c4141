package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"orders/api"
	"orders/kit/actors"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/kit/telemetry"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// retryAfter says in how many seconds it may be better.
var retryAfter = map[problem.Code]string{problem.Overloaded: "1", problem.Unavailable: "2", problem.RateLimited: "2"}

// badField complains about one field of the input.
func badField(field, format string, args ...any) error {
	return problem.Fields(problem.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func overloaded() error {
	return problem.New(problem.Overloaded, "too many requests at once; try again")
}

// fromView maps what the list view refuses.
func fromView(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, orderdb.ErrNotFound):
		return order.NotFound()
	case errors.Is(err, orderdb.ErrBadCursor):
		return badField("cursor", "is not a cursor of this list")
	default:
		return err
	}
}

// fromFeed is fromView for the feed, where an unknown cursor is as good as an expired one: the remedy is the same.
func fromFeed(err error) error {
	if errors.Is(err, orderdb.ErrCursorExpired) || errors.Is(err, orderdb.ErrBadCursor) {
		return problem.New(problem.CursorExpired, "this cursor is unknown or too old; load the list again and follow from its feed cursor")
	}
	return fromView(err)
}

// problemOf maps every error to what the caller sees of it. This is the one place.
func problemOf(err error) *problem.Problem {
	if refusal, ok := errors.AsType[*order.Refusal](err); ok {
		p := problem.New(problem.Code(refusal.Code), "%s", refusal.Detail)
		p.Extra = map[string]any{current: api.Current{Status: api.Status(refusal.Status), Version: refusal.Version}}
		return p
	}
	if invalid, ok := errors.AsType[*order.Invalid](err); ok {
		bad := make([]problem.FieldError, len(invalid.Fields))
		for i, f := range invalid.Fields {
			bad[i] = problem.FieldError(f)
		}
		return problem.Fields(bad...)
	}
	switch {
	case errors.Is(err, auth.ErrExpired):
		return problem.New(problem.Unauthenticated, "%v", auth.ErrExpired)
	case errors.Is(err, auth.ErrTooLong):
		return problem.New(problem.Unauthenticated, "%v", auth.ErrTooLong)
	case errors.Is(err, auth.ErrInvalid):
		return problem.New(problem.Unauthenticated, "%v", auth.ErrInvalid)
	case errors.Is(err, auth.ErrUnavailable), errors.Is(err, actors.ErrUnavailable), errors.Is(err, orderdb.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem.New(problem.Unavailable, "orders can't be reached right now; try again").WithCause(err)
	default:
		return problem.Of(err)
	}
}

const current = "current"

// toProblem is a problem in the contract's shape.
func toProblem(p *problem.Problem) api.Problem {
	out := api.Problem{
		Type: "/docs#" + string(p.Code), Title: p.Title, Status: p.Status, Code: api.ProblemCode(p.Code), Detail: p.Detail,
	}
	for _, f := range p.Errors {
		out.Errors = append(out.Errors, api.FieldError(f))
	}
	if c, ok := p.Extra[current].(api.Current); ok {
		out.Current = c
	}
	return out
}

// fail answers with the problem that err is, and logs what caused it.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	if errors.Is(err, fiber.ErrRequestTimeout) { // nobody asked: clients take a bare 408 for a connection that closes while idle
		return c.SendStatus(fiber.StatusRequestTimeout)
	}
	if errors.Is(err, fiber.ErrRequestEntityTooLarge) || errors.Is(err, fiber.ErrRequestHeaderFieldsTooLarge) {
		drain(c.Context().Conn())
	}
	p := toProblem(problemOf(err))
	if c.GetRespHeader(httpapi.HeaderRequestID) == "" { // it never came as far as the middleware: too large, or not HTTP
		id := uuid.NewString()
		c.Set(httpapi.HeaderRequestID, id)
		c.SetUserContext(telemetry.WithRequestID(c.UserContext(), id))
		s.secure(c)
	}
	switch {
	case p.Status == http.StatusInternalServerError:
		s.Log.ErrorContext(c.UserContext(), "request failed", "code", p.Code, "err", err)
	case p.Status > http.StatusInternalServerError:
		s.Log.WarnContext(c.UserContext(), "request failed", "code", p.Code, "err", err)
	case p.Status == http.StatusUnauthorized:
		s.Log.DebugContext(c.UserContext(), "token refused", "err", err)
		c.Set(fiber.HeaderWWWAuthenticate, challenge(c))
	}
	if after, ok := retryAfter[problem.Code(p.Code)]; ok && c.GetRespHeader(fiber.HeaderRetryAfter) == "" {
		c.Set(fiber.HeaderRetryAfter, after)
	}
	if p.Current.Version > 0 {
		c.Set(fiber.HeaderETag, etag(p.Current.Version))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).JSON(p, problem.ContentType)
}

// drain takes in, within bounds, what a client still sends of a request that is too large: a connection that is closed
// under the sending is reset, and the answer lost (RFC 9112, 9.6).
func drain(conn net.Conn) {
	end := time.Now().Add(2 * time.Second)
	buffer := make([]byte, 16<<10)
	for left := 1 << 20; left > 0 && time.Now().Before(end); {
		if err := conn.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
			return
		}
		n, err := conn.Read(buffer)
		if err != nil { // it is silent, or gone
			return
		}
		left -= n
	}
}

func challenge(c *fiber.Ctx) string {
	if c.Get(fiber.HeaderAuthorization) == "" {
		return `Bearer realm="orders"`
	}
	return `Bearer realm="orders", error="invalid_token"`
}

func etag(version int) string { return strconv.Quote(strconv.Itoa(version)) }
