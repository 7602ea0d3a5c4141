// Command temporal is an order's life on Temporal, to compare with: a workflow per order, the payment as an activity in a process of
// its own, and a durable timer that delivers. It has no order list, feed, authentication or idempotency keys.
//
//	temporal orders SERVER ADDRESS
//	temporal payments SERVER
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

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const (
	ordersQueue   = "orders"
	paymentsQueue = "payments"
	pollers       = 8 // of each kind; more or fewer cost more CPU time per order
	deliverAfter  = 2 * time.Second
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

// Order is the result of the workflow.
type Order struct {
	Status, Currency string
	Total            int64
	History          []Entry
}

// Entry is a change of the status.
type Entry struct {
	Version       int
	Status, Cause string
	At            time.Time
}

// service is the process that starts and runs the workflows.
type service struct {
	client client.Client

	mu        sync.Mutex
	Delivered int             `json:"delivered"`
	Late      []time.Duration `json:"late"` // after the due time
}

// Life is the workflow of an order.
func (s *service) Life(ctx workflow.Context, c Create) (Order, error) {
	o := Order{Currency: c.Currency}
	for _, i := range c.Items {
		o.Total += int64(i.Quantity) * i.UnitPrice
	}
	change := func(status, cause string) {
		o.Status = status
		o.History = append(o.History, Entry{len(o.History) + 1, status, cause, workflow.Now(ctx)})
	}
	change("created", "created")
	if err := workflow.SetQueryHandler(ctx, "order", func() (Order, error) { return o, nil }); err != nil {
		return o, err
	}
	var confirmed bool
	payment := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: paymentsQueue, StartToCloseTimeout: 10 * time.Second})
	if err := workflow.ExecuteActivity(payment, "Decide", o.Total).Get(ctx, &confirmed); err != nil {
		return o, err
	}
	if !confirmed {
		change("cancelled", "payment-declined")
		return o, nil
	}
	change("confirmed", "payment-confirmed")
	due := workflow.Now(ctx).Add(deliverAfter)
	if err := workflow.NewTimer(ctx, deliverAfter).Get(ctx, nil); err != nil {
		return o, err
	}
	change("delivered", "delivery-due")
	if !workflow.IsReplaying(ctx) {
		s.delivered(time.Since(due))
	}
	return o, nil
}

func (s *service) delivered(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Delivered++
	s.Late = append(s.Late, late)
}

func (s *service) stats(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s)
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	var c Create
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := uuid.NewString()
	_, err := s.client.ExecuteWorkflow(r.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: ordersQueue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	}, s.Life, c)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": id, "status": "created"})
}

// Decide is the activity of a payment. Unlike the product's it stores nothing: Temporal keeps its result in the workflow's history.
func Decide(context.Context, int64) (bool, error) { return true, nil }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: temporal orders SERVER ADDRESS, or temporal payments SERVER")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := client.Dial(client.Options{HostPort: args[1], Logger: sdklog.NewStructuredLogger(log)})
	if err != nil {
		return err
	}
	defer c.Close()
	options := worker.Options{MaxConcurrentWorkflowTaskPollers: pollers, MaxConcurrentActivityTaskPollers: pollers}
	switch {
	case len(args) == 3 && args[0] == "orders":
		s := &service{client: c}
		w := worker.New(c, ordersQueue, options)
		w.RegisterWorkflow(s.Life)
		if err := w.Start(); err != nil {
			return err
		}
		defer w.Stop()
		http.HandleFunc("POST /v1/orders", s.create)
		http.HandleFunc("GET /stats", s.stats)
		server := &http.Server{Addr: args[2], ReadHeaderTimeout: time.Second}
		return server.ListenAndServe()
	case len(args) == 2 && args[0] == "payments":
		w := worker.New(c, paymentsQueue, options)
		w.RegisterActivity(Decide)
		return w.Run(worker.InterruptCh())
	}
	return fmt.Errorf("unknown arguments %q", args)
}
