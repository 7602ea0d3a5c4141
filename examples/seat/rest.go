package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"orders/examples/seat/seat"
	"orders/kit/actors"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
)

// refused is the code of the problem of a refusal.
var refused = problem.Define("refused", fiber.StatusConflict)

var validID = regexp.MustCompile(`^[A-Z][0-9]{1,2}$`)

type request struct {
	Holder string `json:"holder"`
}

func newServer(seats seat.Client, log *slog.Logger, registry *prometheus.Registry, stopping <-chan struct{}, checks ...httpapi.Check) *fiber.App {
	app := httpapi.NewApp(fiber.Config{AppName: "seat", BodyLimit: 1 << 10, ErrorHandler: problem.Handler(log)})
	app.Use(httpapi.Observe(log, registry))
	httpapi.Probes(app, log, registry, stopping, checks...)
	app.Get("/seats/:id", answer(func(c *fiber.Ctx, id string) (seat.Seat, error) { return seats.Read(c.UserContext(), id) }))
	app.Post("/seats/:id/hold", answer(command(seats.Hold)))
	app.Post("/seats/:id/confirm", answer(command(seats.Confirm)))
	return app
}

// command reads the request of a command and executes it.
func command(execute func(ctx context.Context, id, holder string) (seat.Seat, error)) func(*fiber.Ctx, string) (seat.Seat, error) {
	return func(c *fiber.Ctx, id string) (seat.Seat, error) {
		r, err := httpapi.ReadJSON[request](c)
		if err != nil {
			return seat.Seat{}, err
		}
		if r.Holder == "" {
			return seat.Seat{}, problem.Fields(problem.FieldError{Field: "holder", Message: "must not be empty"})
		}
		return execute(c.UserContext(), id, r.Holder)
	}
}

func answer(execute func(c *fiber.Ctx, id string) (seat.Seat, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id := strings.Clone(c.Params("id")) // fiber uses its buffer again
		if !validID.MatchString(id) {
			return problem.New(problem.NotFound, "there is no such seat; the first one is A1")
		}
		s, err := execute(c, id)
		refusal, isRefusal := errors.AsType[seat.Refusal](err)
		switch {
		case isRefusal:
			return problem.New(refused, "%s", refusal)
		case errors.Is(err, actors.ErrUnavailable):
			return problem.New(problem.Unavailable, "the outcome is unknown; send the same request again").WithCause(err)
		case err != nil:
			return err
		}
		return c.JSON(s)
	}
}
