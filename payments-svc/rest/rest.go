// Package rest serves payments-svc's API: PUT and GET /payments/{id}, POST /payments/{id}/void.
//
// It guarantees that a call is served only when it came through the service's own sidecar (the app token) and on behalf
// of a user, by a token that is bound to the order in its path and to the amount that it is about; that input is bounded
// and strict; and that errors are problems that tell nothing of the inside.
package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orders/api/onbehalf"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/payments-svc/payment"
)

const (
	bodyLimit    = 4 << 10
	requestLimit = 20 * time.Second // beyond the latency that was asked for
	headerToken  = "Dapr-Api-Token" //nolint:gosec // the header's name
)

// Config is what the API needs.
type Config struct {
	Service  *payment.Service
	Keys     [][]byte      // verifies on-behalf-of tokens
	AppToken string        // what the sidecar shows
	Latency  time.Duration // of the Service's decisions
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  *prometheus.Registry
	Ready    []httpapi.Check
	Stopping <-chan struct{} // closed when the service begins to stop
}

type server struct{ Config }

// New makes the app that serves the API, and its probes.
func New(cfg Config) *fiber.App {
	s := &server{cfg}
	app := httpapi.NewApp(fiber.Config{
		AppName: "payments-svc", CaseSensitive: true, StrictRouting: true, BodyLimit: bodyLimit, ErrorHandler: problem.Handler(cfg.Log),
		WriteTimeout: cfg.Latency + 2*requestLimit,
	})
	app.Use(httpapi.Observe(cfg.Log, cfg.Metrics))
	httpapi.Probes(app, cfg.Log, cfg.Metrics, cfg.Stopping, cfg.Ready...)
	app.Use(s.fromSidecar)
	app.Put("/payments/:id", s.pay)
	app.Get("/payments/:id", s.find)
	app.Post("/payments/:id/void", s.void)
	return app
}

func (s *server) pay(c *fiber.Ctx) error {
	claims, err := s.authorize(c)
	if err != nil {
		return err
	}
	body, err := decode(c)
	if err != nil {
		return err
	}
	if *body.Amount != claims.Amount || body.Currency != claims.Currency {
		return problem.New(problem.Forbidden, "the token is for another amount")
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), s.Latency+requestLimit)
	defer cancel()
	p, err := s.Service.Pay(ctx, request(claims))
	return answer(c, p, err)
}

func (s *server) void(c *fiber.Ctx) error {
	claims, err := s.authorize(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), requestLimit)
	defer cancel()
	p, err := s.Service.Void(ctx, request(claims))
	return answer(c, p, err)
}

func (s *server) find(c *fiber.Ctx) error {
	claims, err := s.authorize(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), requestLimit)
	defer cancel()
	p, err := s.Service.Find(ctx, claims.OrderID)
	if err == nil && (p.Amount != claims.Amount || p.Currency != claims.Currency) {
		err = payment.ErrMismatch
	}
	return answer(c, p, err)
}

func request(c onbehalf.Claims) payment.Request {
	return payment.Request{OrderID: c.OrderID, Amount: c.Amount, Currency: c.Currency}
}

func answer(c *fiber.Ctx, p payment.Payment, err error) error {
	switch {
	case err == nil:
		return c.JSON(p)
	case errors.Is(err, payment.ErrMismatch):
		return problem.New(problem.Forbidden, "the order's payment has another amount").Because(err)
	case errors.Is(err, payment.ErrNotFound):
		return problem.New(problem.NotFound, "nothing is known of this order's payment").Because(err)
	default: // the store's: it passes, and every call may be repeated
		return unavailable(err)
	}
}

func unavailable(cause error) error {
	return problem.New(problem.Unavailable, "payments can't be handled just now, try again").Because(cause)
}

// fromSidecar refuses whoever goes around the sidecar, and with it around Dapr's access control.
func (s *server) fromSidecar(c *fiber.Ctx) error {
	// Hashes have one length: the comparison takes the same time for any token.
	want, got := sha256.Sum256([]byte(s.AppToken)), sha256.Sum256([]byte(c.Get(headerToken)))
	if s.AppToken == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return problem.New(problem.Unauthenticated, "the call didn't come through the sidecar")
	}
	return c.Next()
}

// authorize returns what the caller's token is bound to: the order of the path.
func (s *server) authorize(c *fiber.Ctx) (onbehalf.Claims, error) {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return onbehalf.Claims{}, unauthenticated(c, errors.New("no bearer token"))
	}
	claims, err := onbehalf.VerifyAny(s.Keys, strings.Clone(token), s.Now())
	if err != nil {
		return onbehalf.Claims{}, unauthenticated(c, err)
	}
	id, err := uuid.Parse(c.Params("id"))
	if err != nil || id.String() != c.Params("id") { // one order, one spelling: else it had two payments
		return onbehalf.Claims{}, problem.Fields(problem.FieldError{Field: "id", Message: "must be an order id"})
	}
	if claims.OrderID != c.Params("id") {
		return onbehalf.Claims{}, problem.New(problem.Forbidden, "the token is for another order")
	}
	return claims, nil
}

func unauthenticated(c *fiber.Ctx, cause error) error {
	c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	return problem.New(problem.Unauthenticated, "a valid on-behalf-of token is needed").Because(cause)
}

type payBody struct {
	Amount   *int64 `json:"amount"` // a pointer tells 0 from absent
	Currency string `json:"currency"`
}

func decode(c *fiber.Ctx) (payBody, error) {
	text, err := httpapi.JSONBody(c)
	if err != nil {
		return payBody{}, err
	}
	var body payBody
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err = d.Decode(&body); err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return payBody{}, problem.New(problem.InvalidJSON, `the body must be {"amount": …, "currency": …} and nothing else`).Because(err)
	}
	var bad []problem.FieldError
	if body.Amount == nil || *body.Amount < 0 {
		bad = append(bad, problem.FieldError{Field: "amount", Message: "must be a whole number, not negative"})
	}
	if len(body.Currency) != 3 || slices.ContainsFunc([]byte(body.Currency), func(b byte) bool { return b < 'A' || b > 'Z' }) {
		bad = append(bad, problem.FieldError{Field: "currency", Message: "must be an ISO 4217 code"})
	}
	if bad != nil {
		return payBody{}, problem.Fields(bad...)
	}
	return body, nil
}
