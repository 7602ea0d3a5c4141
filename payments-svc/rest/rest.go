// Package rest serves the REST API of payments-svc: PUT, GET and DELETE /payments/{id}, POST /payments/{id}/void.
//
// A call needs two tokens: the app token, which proves that it came through the service's own sidecar, and an on-behalf-of
// token for the order in its path and for its amount. Errors are problems.
package rest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orders/api/onbehalf"
	"orders/api/payments"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/payments-svc/payment"
)

const (
	bodyLimit      = 4 << 10          // bytes
	callTimeout    = 20 * time.Second // without the simulated latency
	drainTimeout   = 15 * time.Second
	headerAppToken = "Dapr-Api-Token" //nolint:gosec // the header's name
)

// Options configures the API.
type Options struct {
	Payments *payment.Service
	Ledger   Ledger
	Keys     [][]byte      // verify on-behalf-of tokens
	AppToken string        // sent by the sidecar with each call
	Latency  time.Duration // simulated latency of the payments' decisions
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry
	Checks   []httpapi.Check
	Stopping <-chan struct{} // closed when the service starts to stop
}

// Ledger returns the id of the ledger, or payment.ErrOtherLedger if known is neither empty nor this id.
type Ledger interface {
	Check(ctx context.Context, known string) (id string, err error)
}

// Server handles the requests.
type Server struct {
	Options
	app       *fiber.App
	responses *prometheus.CounterVec
}

// newResponses returns a counter of the responses to payments, voids and removals. A repeated call has the same response.
func newResponses(registry prometheus.Registerer) *prometheus.CounterVec {
	responses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payments_responses_total", Help: "Responses to payments, voids and removals, by the payment's status.",
	}, []string{"call", "status"})
	for _, status := range []string{string(payment.Confirmed), string(payment.Declined), "failed"} {
		responses.WithLabelValues("pay", status)
	}
	responses.WithLabelValues("void", string(payment.Voided))
	responses.WithLabelValues("remove", string(payment.Removed))
	responses.WithLabelValues("remove", "failed")
	responses.WithLabelValues("void", "failed")
	registry.MustRegister(responses)
	return responses
}

// count returns a function that counts a response and returns it.
func (s *Server) count(call string) func(payment.Payment, error) (payment.Payment, error) {
	return func(p payment.Payment, err error) (payment.Payment, error) {
		status := string(p.Status)
		if err != nil {
			status = "failed"
		}
		s.responses.WithLabelValues(call, status).Inc()
		return p, err
	}
}

// New returns a server of the API and the probes.
func New(o Options) *Server {
	s := &Server{Options: o, responses: newResponses(o.Registry)}
	app := httpapi.NewApp(fiber.Config{
		AppName: "payments-svc", CaseSensitive: true, StrictRouting: true, BodyLimit: bodyLimit, ErrorHandler: problem.Handler(o.Log),
		WriteTimeout: o.Latency + 2*callTimeout,
	})
	app.Use(httpapi.Observe(o.Log, o.Registry))
	httpapi.Probes(app, o.Log, o.Registry, o.Stopping, o.Checks...)
	app.Use(s.checkAppToken)
	app.Put("/payments/:id", s.call(o.Latency+callTimeout, s.pay))
	app.Get("/payments/:id", s.call(callTimeout, s.find))
	app.Delete("/payments/:id", s.call(callTimeout, s.remove))
	app.Post("/payments/:id/void", s.call(callTimeout, s.void))
	s.app = app
	return s
}

// Serve serves on the listener until ctx ends, and then drains.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return httpapi.ServeListener(ctx, s.app, s.Log, listener, drainTimeout)
}

// call handles a call for the order of its token, within a timeout.
func (s *Server) call(timeout time.Duration, handle func(context.Context, *fiber.Ctx, onbehalf.Claims) (payment.Payment, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		claims, err := s.authorize(c)
		if err != nil {
			return err
		}
		if claims.Actor != "" {
			s.Log.InfoContext(c.UserContext(), "call for an order that an operator created for its customer",
				"order", claims.OrderID, "customer", claims.User, "operator", claims.Actor, "method", c.Method())
		}
		ctx, cancel := context.WithTimeout(c.UserContext(), timeout)
		defer cancel()
		id, err := s.Ledger.Check(ctx, strings.Clone(c.Get(payments.LedgerHeader)))
		if err != nil {
			return problemOf(err)
		}
		c.Set(payments.LedgerHeader, id)
		p, err := handle(ctx, c, claims)
		if err != nil {
			return problemOf(err)
		}
		return c.JSON(p)
	}
}

func (s *Server) pay(ctx context.Context, c *fiber.Ctx, claims onbehalf.Claims) (payment.Payment, error) {
	body, err := readPayment(c)
	if err != nil {
		return payment.Payment{}, err
	}
	if *body.Amount != claims.Amount || *body.Currency != claims.Currency {
		return payment.Payment{}, problem.New(problem.Forbidden, "the token is for another amount")
	}
	return s.count("pay")(s.Payments.Pay(ctx, request(claims)))
}

func (s *Server) void(ctx context.Context, _ *fiber.Ctx, claims onbehalf.Claims) (payment.Payment, error) {
	return s.count("void")(s.Payments.Void(ctx, request(claims)))
}

func (s *Server) remove(ctx context.Context, _ *fiber.Ctx, claims onbehalf.Claims) (payment.Payment, error) {
	return s.count("remove")(s.Payments.Remove(ctx, request(claims)))
}

// find also returns a payment of another amount than the order's, so that an inspection can report the difference.
func (s *Server) find(ctx context.Context, _ *fiber.Ctx, claims onbehalf.Claims) (payment.Payment, error) {
	return s.Payments.Find(ctx, claims.OrderID)
}

func request(c onbehalf.Claims) payment.Request {
	return payment.Request{OrderID: c.OrderID, Amount: c.Amount, Currency: c.Currency}
}

func problemOf(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, payment.ErrMismatch):
		return problem.New(problem.Forbidden, "the order's payment has another amount").WithCause(err)
	case errors.Is(err, payment.ErrNotFound):
		return problem.New(problem.NotFound, "nothing is known of this order's payment").WithCause(err)
	case errors.Is(err, payment.ErrOtherLedger):
		return problem.New(problem.Unavailable, "the ledger lacks the earlier payments, it must be restored").WithCause(err)
	default: // a failure of the state store; all calls are idempotent
		return problem.New(problem.Unavailable, "payments can't be handled just now, try again").WithCause(err)
	}
}

// checkAppToken rejects calls that bypass the sidecar, and with it Dapr's access control.
func (s *Server) checkAppToken(c *fiber.Ctx) error {
	// Hashes have equal lengths, so the comparison takes constant time.
	want, got := sha256.Sum256([]byte(s.AppToken)), sha256.Sum256([]byte(c.Get(headerAppToken)))
	if s.AppToken == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return problem.New(problem.Unauthenticated, "the call didn't come through the sidecar")
	}
	return c.Next()
}

// authorize verifies the on-behalf-of token, which must be for the order in the path.
func (s *Server) authorize(c *fiber.Ctx) (onbehalf.Claims, error) {
	token := httpapi.BearerToken(c)
	if token == "" {
		return onbehalf.Claims{}, unauthenticated(c, errors.New("no bearer token"))
	}
	claims, err := onbehalf.Verify(s.Keys, token, s.Now())
	if err != nil {
		return onbehalf.Claims{}, unauthenticated(c, err)
	}
	id, err := uuid.Parse(c.Params("id"))
	if err != nil || id.String() != c.Params("id") { // another spelling would be another payment
		return onbehalf.Claims{}, problem.Fields(problem.FieldError{Field: "id", Message: "must be an order id"})
	}
	if claims.OrderID != c.Params("id") {
		return onbehalf.Claims{}, problem.New(problem.Forbidden, "the token is for another order")
	}
	return claims, nil
}

func unauthenticated(c *fiber.Ctx, cause error) error {
	c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	return problem.New(problem.Unauthenticated, "a valid on-behalf-of token is needed").WithCause(cause)
}

// payBody has pointers to tell absent fields from zero values.
type payBody struct {
	Amount   *int64  `json:"amount,omitempty"`
	Currency *string `json:"currency,omitempty"`
}

// readPayment returns the body of a payment, whose fields are not nil.
func readPayment(c *fiber.Ctx) (payBody, error) {
	body, err := httpapi.ReadJSON[payBody](c)
	if err != nil && problem.Of(err).Status == fiber.StatusBadRequest {
		return body, problem.New(problem.InvalidJSON, `the body must be {"amount": …, "currency": …} and nothing else`).WithCause(err)
	}
	if err != nil {
		return body, err
	}
	var bad []problem.FieldError
	if body.Amount == nil || *body.Amount < 0 {
		bad = append(bad, problem.FieldError{Field: "amount", Message: "must be a whole number, not negative"})
	}
	if body.Currency == nil || !isCurrency(*body.Currency) {
		bad = append(bad, problem.FieldError{Field: "currency", Message: "must be an ISO 4217 code"})
	}
	if bad != nil {
		return body, problem.Fields(bad...)
	}
	return body, nil
}

func isCurrency(s string) bool {
	return len(s) == 3 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 'A' || b > 'Z' })
}
