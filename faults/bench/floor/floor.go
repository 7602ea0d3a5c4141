// Package floor makes exactly the Dapr calls of an order's normal life, and nothing else: no order database, no feed, no
// authentication, no validation. It takes orders-actor's place beside the same sidecar, so what it costs is the least that an
// order can cost on Dapr.
package floor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"orders/kit/actors"
	"orders/kit/dapr"
	"orders/orders-actor/payer"
)

const (
	actorType   = "Order"
	callTimeout = 30 * time.Second
	payTimeout  = 2 * time.Minute // with its retries
	retryPause  = 500 * time.Millisecond
	// maxPayments is orders-actor's limit. Without one, so many payments would compete for the ledger that they time out.
	maxPayments = 64
	stateSize   = 700 // bytes, before the encoding: with it the state is about as large as orders-actor's
)

// Stats is the reply to GET /stats.
type Stats struct {
	Delivered int             `json:"delivered"`
	Late      []time.Duration `json:"late"` // how long after its due time each order was delivered
}

type service struct {
	sidecar      *actors.Sidecar
	payments     *payer.Client
	paying       chan struct{} // holds one token per payment in progress
	deliverAfter time.Duration

	mu    sync.Mutex
	stats Stats
}

// Run serves until ctx ends. Its settings are those variables of orders-actor that the launcher sets.
func Run(ctx context.Context) error {
	deliverAfter, err := time.ParseDuration(os.Getenv("DELIVER_AFTER"))
	if err != nil {
		return err
	}
	token := os.Getenv("DAPR_API_TOKEN")
	sidecar, err := actors.Dial(dapr.Address(), token)
	if err != nil {
		return err
	}
	defer func() { _ = sidecar.Close() }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	keys, err := dapr.Keys(ctx, sidecar.Client(), log, "orders-actor", "obo-key")
	if err != nil {
		return err
	}
	s := &service{sidecar: sidecar, deliverAfter: deliverAfter, paying: make(chan struct{}, maxPayments), payments: payer.NewClient(payer.ClientConfig{
		Sidecar: "http://127.0.0.1:" + os.Getenv("DAPR_HTTP_PORT"), Token: token, Key: keys["obo-key"], Now: time.Now, Parallel: maxPayments,
	})}
	host := actors.NewHost(sidecar, actors.Config{Type: actorType, Log: log, Activate: func(id string) actors.Actor {
		return &twin{service: s, state: state{ID: id, Padding: make([]byte, stateSize)}}
	}})
	hosting := make(chan struct{})
	go func() {
		defer close(hosting)
		_ = host.Run(ctx) // always nil
	}()
	app := s.routes(host)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("ORDERS_ADDR"))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })()
	err = app.Listener(listener)
	<-hosting
	return err
}

func (s *service) routes(host *actors.Host) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/healthz", func(c *fiber.Ctx) error {
		if !host.Ready() {
			return fiber.ErrServiceUnavailable
		}
		return c.SendStatus(fiber.StatusOK)
	})
	app.Get("/stats", func(c *fiber.Ctx) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return c.JSON(s.stats)
	})
	app.Post("/v1/dev/token", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"token": "none"}) })
	app.Post("/v1/orders", func(c *fiber.Ctx) error {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.UserContext(), callTimeout)
		defer cancel()
		if err := s.invoke(ctx, id.String(), "create"); err != nil {
			return err
		}
		return c.Status(fiber.StatusCreated).JSON(fiber.Map{"id": id.String()})
	})
	return app
}

func (s *service) invoke(ctx context.Context, id, method string) error {
	_, err := s.sidecar.Client().InvokeActor(ctx, &client.InvokeActorRequest{ActorType: actorType, ActorID: id, Method: method, Data: []byte("{}")})
	return err
}

// pay runs outside of the turns, as in orders-actor, and retries failures, which are rare.
func (s *service) pay(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, payTimeout)
	defer cancel()
	s.paying <- struct{}{}
	defer func() { <-s.paying }()
	for {
		decision, err := s.payments.Pay(ctx, payer.Payment{OrderID: id, Amount: 900, Currency: "EUR", Customer: "bench"})
		if err == nil && !decision.Confirmed {
			err = errors.New("the payment was declined")
		}
		if err == nil {
			err = s.invoke(ctx, id, "settle")
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		slog.Error("cannot pay", "order", id, "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
	}
}

type state struct {
	ID, Status string
	Due        time.Time
	Padding    []byte
}

// twin is the actor. It never loads its state, because no order lives longer than an idle activation.
type twin struct {
	*service
	state state
}

func (t *twin) save(ctx context.Context, status string) error {
	t.state.Status = status
	return t.sidecar.Save(ctx, actorType, t.state.ID, "order", t.state)
}

// Invoke implements actors.Actor.
func (t *twin) Invoke(ctx context.Context, method string, _ []byte) ([]byte, error) {
	switch method {
	case "create":
		if err := t.save(ctx, "created"); err != nil {
			return nil, err
		}
		go t.pay(context.WithoutCancel(ctx), t.state.ID)
	case "settle":
		t.state.Due = time.Now().Add(t.deliverAfter)
		if err := t.sidecar.SetReminder(ctx, actorType, t.state.ID, "deliver", t.deliverAfter); err != nil {
			return nil, err
		}
		if err := t.save(ctx, "confirmed"); err != nil {
			return nil, err
		}
	}
	return []byte("{}"), nil
}

// Remind implements actors.Actor.
func (t *twin) Remind(ctx context.Context, _ string) error {
	if err := t.save(ctx, "delivered"); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Delivered++
	t.stats.Late = append(t.stats.Late, time.Since(t.state.Due))
	return nil
}
