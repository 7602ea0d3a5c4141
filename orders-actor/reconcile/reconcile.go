// Package reconcile resumes orders whose reminder, payment or void was missed. A Reconciler searches the order
// database for them in a loop, and sends each the command Resume.
//
// The loop runs until its context ends; errors and panics do not stop it. The number of concurrent commands is bounded, and
// each has a timeout. An order that stays stuck is resumed with growing pauses, up to 30 s. Several replicas may resume
// the same order, because the command is idempotent.
package reconcile

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/kit/telemetry"
)

// OrderDB finds stuck orders: created for longer than unpaidFor, overdue by more than overdueBy, or with a pending void.
type OrderDB interface {
	Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error)
}

// Orders sends commands to orders.
type Orders interface {
	Resume(ctx context.Context, id string) error
}

const (
	every     = 2 * time.Second // ± 50 %: between two searches
	unpaidFor = 5 * time.Second
	overdueBy = 2 * time.Second
	maxPause  = 30 * time.Second // between two commands to one order
	timeout   = 10 * time.Second // of a search, and of a command
	limit     = 100              // commands after one search
	parallel  = 8                // concurrent commands
	maxSearch = 5_000            // bounds the result of a search, and so the number of entries in Reconciler.attempts
)

// Config configures a Reconciler.
type Config struct {
	OrderDB OrderDB
	Orders  Orders
	Log     *slog.Logger
	Clock   func() time.Time // nil for time.Now
}

// Reconciler is the loop.
type Reconciler struct {
	Config
	attempts map[string]attempts // by order; used by the goroutine of Run only
}

type attempts struct {
	count int
	next  time.Time // of the next attempt, at the earliest
}

// New returns a Reconciler. Run starts it.
func New(c Config) *Reconciler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Reconciler{Config: c, attempts: make(map[string]attempts)}
}

// Run searches and resumes until ctx ends. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	pause := every
	for retry.Sleep(ctx, pause); ctx.Err() == nil; retry.Sleep(ctx, pause) {
		var ids []string
		_ = run.Catch(ctx, r.Log, "reconciler", func() error { // the next search may not panic
			ids = r.Select(ctx)
			return nil
		})
		pause = every
		if len(ids) == limit { // there are probably more, such as after an outage
			pause /= 8
		}
		r.resumeAll(ctx, ids)
	}
	return nil
}

func (r *Reconciler) resumeAll(ctx context.Context, ids []string) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, parallel)
	for _, id := range ids {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			_ = run.Catch(ctx, r.Log, "reconciler", func() error { // a later search finds the order again
				defer func() { <-slots }()
				r.Resume(ctx, id)
				return nil
			})
		})
	}
}

// Select searches for stuck orders and returns those to resume now. It counts an attempt for each.
func (r *Reconciler) Select(ctx context.Context) (selected []string) {
	now := r.Clock()
	for id, a := range r.attempts {
		if now.Sub(a.next) > 2*maxPause { // no longer found, so it has continued
			delete(r.attempts, id)
		}
	}
	searchCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	most := min(limit+len(r.attempts), maxSearch) // orders that wait for their next attempt must not crowd out others
	ids, err := r.OrderDB.Stuck(searchCtx, now, unpaidFor, overdueBy, most)
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Warn("cannot search for stuck orders", "error", err)
		}
		return nil
	}
	for _, id := range ids {
		a := r.attempts[id]
		if now.Before(a.next) || len(selected) == limit {
			continue
		}
		a.count++
		a.next = now.Add(min(every<<min(a.count-1, 16), maxPause))
		r.attempts[id] = a
		selected = append(selected, id)
	}
	return selected
}

// Resume resumes one order. A failure is logged.
func (r *Reconciler) Resume(ctx context.Context, id string) {
	callCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	callCtx, span := telemetry.Start(callCtx, "reconcile", telemetry.Internal)
	span.Set("order.id", id)
	err := r.Orders.Resume(callCtx, id)
	span.End(err)
	reconciles.WithLabelValues(outcome(err)).Inc()
	if err != nil && ctx.Err() == nil {
		r.Log.WarnContext(callCtx, "cannot resume a stuck order", "order", id, "error", err)
	}
}
