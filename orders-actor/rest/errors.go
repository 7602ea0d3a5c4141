package rest

import (
	"context"
	"errors"
	"net/http"

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
	"orders/orders-actor/rest/browser"
	"orders/orders-actor/rest/clientconn"
	"orders/orders-actor/rest/request"
)

// retryAfter holds the default Retry-After of problems, in seconds.
// The codes of orders; the other ones are those of package problem.
var (
	orderNotFound = problem.Define(problem.Code(order.OrderNotFound), fiber.StatusNotFound)
	_             = problem.Define(problem.Code(order.AlreadyDelivered), fiber.StatusConflict)
	_             = problem.Define(problem.Code(order.OrderRemoved), fiber.StatusGone)
)

var retryAfter = map[problem.Code]string{problem.Overloaded: "1", problem.Unavailable: "2", problem.RateLimited: "2"}

// readError maps errors of the order database to problems.
func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, orderdb.ErrNotFound):
		return order.NotFound()
	case errors.Is(err, orderdb.ErrBadCursor):
		return request.BadField("cursor", "is not a cursor of this list")
	default:
		return err
	}
}

// feedError is readError for the feed. There an unknown cursor is reported as expired: the client does the same in both cases.
func feedError(err error) error {
	if errors.Is(err, orderdb.ErrCursorExpired) || errors.Is(err, orderdb.ErrBadCursor) {
		return problem.New(problem.CursorExpired, "this cursor is unknown or too old; load the list again and follow from its feed cursor")
	}
	return readError(err)
}

// problemOf maps any error to the problem that the client receives.
func problemOf(err error) api.Problem {
	p := kindOf(err)
	out := api.Problem{
		Type: "/docs#" + string(p.Code), Title: p.Title, Status: p.Status, Code: api.ProblemCode(p.Code), Detail: p.Detail,
	}
	for _, f := range p.Errors {
		out.Errors = append(out.Errors, api.FieldError(f))
	}
	if refusal, ok := errors.AsType[*order.Refusal](err); ok {
		out.Current = api.Current{Status: api.Status(refusal.Status), Version: refusal.Version}
	}
	return out
}

func kindOf(err error) *problem.Problem {
	if refusal, ok := errors.AsType[*order.Refusal](err); ok {
		return problem.New(problem.Code(refusal.Code), "%s", refusal.Detail)
	}
	if invalid, ok := errors.AsType[*order.Invalid](err); ok {
		bad := make([]problem.FieldError, len(invalid.Fields))
		for i, f := range invalid.Fields {
			bad[i] = problem.FieldError(f)
		}
		return problem.Fields(bad...)
	}
	for _, refused := range []error{auth.ErrExpired, auth.ErrTooLong, auth.ErrInvalid} {
		if errors.Is(err, refused) {
			return problem.New(problem.Unauthenticated, "%v", refused)
		}
	}
	for _, outage := range []error{
		auth.ErrUnavailable, actors.ErrUnavailable, orderdb.ErrUnavailable, context.DeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, outage) {
			return problem.New(problem.Unavailable, "orders can't be reached right now; try again")
		}
	}
	if errors.Is(err, order.ErrNewerSchema) { // during an update, another replica may know it
		return problem.New(problem.Unavailable, "the order was stored by a newer release of this service; try again")
	}
	return problem.Of(err)
}

// sendError responds with the problem of err, and logs its cause. It is Fiber's error handler.
func (s *Server) sendError(c *fiber.Ctx, err error) error {
	if errors.Is(err, fiber.ErrRequestTimeout) { // no request came: clients take a bare 408 for the end of an idle connection
		return c.SendStatus(fiber.StatusRequestTimeout)
	}
	if errors.Is(err, fiber.ErrRequestEntityTooLarge) || errors.Is(err, fiber.ErrRequestHeaderFieldsTooLarge) {
		clientconn.Drain(c.Context().Conn())
	}
	p := problemOf(err)
	p.TraceID = telemetry.TraceID(c.UserContext())
	if c.GetRespHeader(httpapi.HeaderRequestID) == "" { // the request failed before the middleware: too large, or not HTTP
		id := uuid.NewString()
		c.Set(httpapi.HeaderRequestID, id)
		c.SetUserContext(telemetry.WithRequestID(c.UserContext(), id))
		browser.SetHeaders(c, s.csp())
	}
	switch {
	case p.Status == http.StatusInternalServerError:
		s.Log.ErrorContext(c.UserContext(), "request failed", "code", p.Code, "error", err)
	case p.Status > http.StatusInternalServerError:
		s.Log.WarnContext(c.UserContext(), "request failed", "code", p.Code, "error", err)
	case p.Status == http.StatusUnauthorized:
		s.Log.DebugContext(c.UserContext(), "token refused", "error", err)
		c.Set(fiber.HeaderWWWAuthenticate, challenge(c))
	}
	if after, ok := retryAfter[problem.Code(p.Code)]; ok && c.GetRespHeader(fiber.HeaderRetryAfter) == "" {
		c.Set(fiber.HeaderRetryAfter, after)
	}
	if p.Current.Version > 0 {
		c.Set(fiber.HeaderETag, request.ETag(p.Current.Version))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).JSON(p, problem.ContentType)
}

func challenge(c *fiber.Ctx) string {
	if c.Get(fiber.HeaderAuthorization) == "" {
		return `Bearer realm="orders"`
	}
	return `Bearer realm="orders", error="invalid_token"`
}
