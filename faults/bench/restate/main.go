// Command restate is an order's life on Restate, to compare with: a virtual object per order, payments in a process of their own, and a
// delayed message that delivers. It has no order list, feed, authentication or idempotency keys.
//
//	restate orders ADDRESS STATS-ADDRESS
//	restate payments ADDRESS
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	restate "github.com/restatedev/sdk-go"
	"github.com/restatedev/sdk-go/server"
)

const (
	stateKey     = "state"
	deliverAfter = 2 * time.Second
)

// Create is the body of a create.
type Create struct {
	Currency string `json:"currency"`
	Items    []Item `json:"items"`
}

// Item is a position of an order.
type Item struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int64  `json:"unitPrice"`
}

// State is what an order stores. It has about the size of the product's.
type State struct {
	ID, Customer, Status, Currency string
	Items                          []Item
	Total                          int64
	Due                            time.Time
	History                        []Entry
	Fingerprint                    string
}

// Entry is a change of the status.
type Entry struct {
	Version           int
	Status, By, Cause string
	At                time.Time
}

func (s *State) change(status, cause string) {
	s.Status = status
	s.History = append(s.History, Entry{len(s.History) + 1, status, "customer", cause, time.Now()})
}

// Order is the virtual object.
type Order struct{ stats *stats }

// Create stores the order and answers. Then the payment begins.
func (Order) Create(ctx restate.ObjectContext, c Create) (State, error) { //nolint:unparam // the signature of a handler
	s := State{
		ID: restate.Key(ctx), Customer: "bench", Items: c.Items, Currency: c.Currency,
		Fingerprint: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	}
	for _, i := range c.Items {
		s.Total += int64(i.Quantity) * i.UnitPrice
	}
	s.change("created", "created")
	restate.Set(ctx, stateKey, s)
	restate.ObjectSend(ctx, "Order", s.ID, "Pay").Send(nil)
	return s, nil
}

// Pay asks for the decision and schedules the delivery.
func (Order) Pay(ctx restate.ObjectContext) error {
	s, err := restate.Get[State](ctx, stateKey)
	if err != nil {
		return err
	}
	confirmed, err := restate.Object[bool](ctx, "Payment", s.ID, "Decide").Request(s.Total)
	if err != nil {
		return err
	}
	if !confirmed {
		s.change("cancelled", "payment-declined")
		restate.Set(ctx, stateKey, s)
		return nil
	}
	s.change("confirmed", "payment-confirmed")
	s.Due = time.Now().Add(deliverAfter)
	restate.Set(ctx, stateKey, s)
	restate.ObjectSend(ctx, "Order", s.ID, "Deliver").Send(nil, restate.WithDelay(deliverAfter))
	return nil
}

// Deliver delivers the order.
func (o Order) Deliver(ctx restate.ObjectContext) error {
	s, err := restate.Get[State](ctx, stateKey)
	if err != nil || s.Status != "confirmed" {
		return err
	}
	s.change("delivered", "delivery-due")
	restate.Set(ctx, stateKey, s)
	o.stats.delivered(time.Since(s.Due))
	return nil
}

// Payment is the virtual object of an order's payment.
type Payment struct{}

// Decide decides once and stores the decision.
func (Payment) Decide(ctx restate.ObjectContext, _ int64) (bool, error) {
	const key = "confirmed"
	if decided, err := restate.Get[*bool](ctx, key); err != nil || decided != nil {
		return decided != nil && *decided, err
	}
	confirmed, err := restate.Run(ctx, func(restate.RunContext) (bool, error) { return true, nil })
	if err != nil {
		return false, err
	}
	restate.Set(ctx, key, confirmed)
	return confirmed, nil
}

// stats counts the deliveries of this process.
type stats struct {
	mu        sync.Mutex
	Delivered int             `json:"delivered"`
	Late      []time.Duration `json:"late"` // after the due time
}

func (s *stats) delivered(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Delivered++
	s.Late = append(s.Late, late)
}

func (s *stats) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "restate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	log := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
	endpoint := server.NewRestate().WithLogger(log, true)
	switch {
	case len(args) == 3 && args[0] == "orders":
		counts := &stats{}
		web := &http.Server{Addr: args[2], Handler: counts, ReadHeaderTimeout: time.Second}
		go func() {
			slog.Error("cannot serve statistics", "error", web.ListenAndServe())
		}()
		endpoint.Bind(restate.Reflect(Order{counts}))
	case len(args) == 2 && args[0] == "payments":
		endpoint.Bind(restate.Reflect(Payment{}))
	default:
		return errors.New("usage: restate orders ADDRESS STATS-ADDRESS, or restate payments ADDRESS")
	}
	return endpoint.Start(context.Background(), args[1])
}
