// Package problem is how our services tell a caller what went wrong: RFC 9457 problem details with a stable code.
//
// It guarantees that a caller sees only what was written for callers: the cause of a problem, and any error that isn't a
// Problem, stay in the log.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// ContentType of a problem.
const ContentType = "application/problem+json"

// Code names a kind of problem; programs may rely on it.
type Code string

// The codes.
const (
	InvalidRequest       Code = "invalid-request"
	InvalidJSON          Code = "invalid-json"
	Unauthenticated      Code = "unauthenticated"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not-found"
	OrderNotFound        Code = "order-not-found"
	MethodNotAllowed     Code = "method-not-allowed"
	NotAcceptable        Code = "not-acceptable"
	AlreadyDelivered     Code = "already-delivered"
	CursorExpired        Code = "cursor-expired"
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
	OrderNotFound:        http.StatusNotFound,
	MethodNotAllowed:     http.StatusMethodNotAllowed,
	NotAcceptable:        http.StatusNotAcceptable,
	AlreadyDelivered:     http.StatusConflict,
	CursorExpired:        http.StatusGone,
	VersionMismatch:      http.StatusPreconditionFailed,
	TooLarge:             http.StatusRequestEntityTooLarge,
	UnsupportedMediaType: http.StatusUnsupportedMediaType,
	IdempotencyKeyReused: http.StatusUnprocessableEntity,
	RateLimited:          http.StatusTooManyRequests,
	Overloaded:           http.StatusServiceUnavailable,
	Unavailable:          http.StatusServiceUnavailable,
	Internal:             http.StatusInternalServerError,
}

// FieldError says what is wrong with one field of the input.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Problem is an error as its caller sees it. Extra members go into the JSON beside the standard ones.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   Code           `json:"code"`
	Errors []FieldError   `json:"errors,omitempty"`
	Extra  map[string]any `json:"-"`

	cause error
}

// New makes a problem. An unknown code is a mistake of ours, and so an internal problem.
func New(code Code, format string, args ...any) *Problem {
	status, ok := statuses[code]
	if !ok {
		return New(Internal, "unknown code")
	}
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...),
	}
}

// Fields makes the problem of an input with bad fields.
func Fields(bad ...FieldError) *Problem {
	p := New(InvalidRequest, "the request has bad fields")
	p.Errors = bad
	return p
}

// Because keeps what caused the problem, for the log only.
func (p *Problem) Because(cause error) *Problem {
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

// MarshalJSON writes the standard members and the extra ones, of which none replaces a standard one.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	standard, err := json.Marshal((*plain)(p))
	if err != nil || len(p.Extra) == 0 {
		return standard, err
	}
	all := maps.Clone(p.Extra)
	if err := json.Unmarshal(standard, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// Of finds the problem that err is for its caller. An error that nobody wrote for callers is an internal problem.
func Of(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if f, ok := errors.AsType[*fiber.Error](err); ok { // the framework's own: no such route, body too large …
		switch f.Code {
		case http.StatusNotFound:
			return New(NotFound, "there is nothing here")
		case http.StatusMethodNotAllowed:
			return New(MethodNotAllowed, "this method isn't allowed here")
		case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
			return New(TooLarge, "the request is too large")
		case http.StatusBadRequest:
			return New(InvalidRequest, "the request can't be read").Because(err)
		}
	}
	return New(Internal, "something went wrong on our side").Because(err)
}

// Handler answers what handlers return as errors, and logs those that are our fault.
func Handler(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		p := Of(err)
		if p.Status >= http.StatusInternalServerError {
			log.ErrorContext(c.UserContext(), "request failed", "code", p.Code, "err", err)
		}
		return c.Status(p.Status).JSON(p, ContentType)
	}
}
