// Package problem has the error responses of both services: RFC 9457 problem details with a stable code.
//
// Handlers return a Problem as their error, and Handler writes the response. Clients see the detail of a Problem, but neither
// its cause nor the text of any other error; those are only logged.
package problem

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"orders/kit/telemetry"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// Code identifies a kind of problem. Codes do not change, so programs can compare them.
type Code string

// The codes that any service may use. A service adds its own with Define.
const (
	InvalidRequest       Code = "invalid-request"
	InvalidJSON          Code = "invalid-json"
	Unauthenticated      Code = "unauthenticated"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not-found"
	MethodNotAllowed     Code = "method-not-allowed"
	NotAcceptable        Code = "not-acceptable"
	CursorExpired        Code = "cursor-expired"
	WebhookNotFound      Code = "webhook-not-found"
	WebhookRefused       Code = "webhook-refused"
	VersionMismatch      Code = "version-mismatch"
	TooLarge             Code = "too-large"
	UnsupportedMediaType Code = "unsupported-media-type"
	IdempotencyKeyReused Code = "idempotency-key-reused"
	RateLimited          Code = "rate-limited"
	Overloaded           Code = "overloaded"
	Unavailable          Code = "unavailable"
	Internal             Code = "internal"
)

var statuses = map[Code]int{
	InvalidRequest:       http.StatusBadRequest,
	InvalidJSON:          http.StatusBadRequest,
	Unauthenticated:      http.StatusUnauthorized,
	Forbidden:            http.StatusForbidden,
	NotFound:             http.StatusNotFound,
	MethodNotAllowed:     http.StatusMethodNotAllowed,
	NotAcceptable:        http.StatusNotAcceptable,
	CursorExpired:        http.StatusGone,
	WebhookNotFound:      http.StatusNotFound,
	WebhookRefused:       http.StatusUnprocessableEntity,
	VersionMismatch:      http.StatusPreconditionFailed,
	TooLarge:             http.StatusRequestEntityTooLarge,
	UnsupportedMediaType: http.StatusUnsupportedMediaType,
	IdempotencyKeyReused: http.StatusUnprocessableEntity,
	RateLimited:          http.StatusTooManyRequests,
	Overloaded:           http.StatusServiceUnavailable,
	Unavailable:          http.StatusServiceUnavailable,
	Internal:             http.StatusInternalServerError,
}

// Define adds a code of a service with its HTTP status, and returns it. Call it only for package variables.
func Define(code Code, status int) Code {
	statuses[code] = status
	return code
}

// FieldError describes an error in one field of the request.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Problem is an error response.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Code   Code         `json:"code"`
	Errors []FieldError `json:"errors,omitempty"`
	// TraceID is the id of the request's trace. Handler sets it.
	TraceID string `json:"traceId,omitempty"`

	cause error
}

// New returns a problem with a detail for the client. An unknown code yields an internal problem.
func New(code Code, format string, args ...any) *Problem {
	status, ok := statuses[code]
	if !ok {
		return New(Internal, "unknown code")
	}
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...),
	}
}

// Fields returns the problem of a request with bad fields.
func Fields(bad ...FieldError) *Problem {
	p := New(InvalidRequest, "the request has bad fields")
	p.Errors = bad
	return p
}

// WithCause sets the error that caused the problem. It is logged and not sent.
func (p *Problem) WithCause(cause error) *Problem {
	p.cause = cause
	return p
}

func (p *Problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s: %s: %v", p.Code, p.Detail, p.cause)
	}
	return fmt.Sprintf("%s: %s", p.Code, p.Detail)
}

func (p *Problem) Unwrap() error { return p.cause }

// Of returns the problem to send for err. It is an internal problem unless err wraps a Problem or is an error of fiber.
func Of(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if f, ok := errors.AsType[*fiber.Error](err); ok {
		switch f.Code {
		case http.StatusNotFound:
			return New(NotFound, "there is nothing here")
		case http.StatusMethodNotAllowed:
			return New(MethodNotAllowed, "this method isn't allowed here")
		case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
			return New(TooLarge, "the request is too large")
		case http.StatusBadRequest:
			return New(InvalidRequest, "the request can't be read").WithCause(err)
		}
	}
	return New(Internal, "something went wrong on our side").WithCause(err)
}

// Handler returns the error handler of an app. It sends errors as problems and logs those with a 5xx status.
func Handler(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		p := Of(err)
		if p.Status >= http.StatusInternalServerError {
			log.ErrorContext(c.UserContext(), "request failed", "code", p.Code, "error", err)
		}
		p.TraceID = telemetry.TraceID(c.UserContext())
		return c.Status(p.Status).JSON(p, ContentType)
	}
}
