// Package reconcile resumes orders whose reminder, payment or void was missed. A Reconciler searches the order
// database for them in a loop, and sends each the command Resume.
//
// The loop runs until its context ends; errors and panics do not stop it. The number of concurrent commands is bounded, and
// each has a timeout. An order that stays stuck is resumed with growing pauses, up to MaxPause. Several replicas may resume
// the same order, because the command is idempotent.
package reconcile

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"orders/kit/run"
)

// OrderDB finds stuck orders: created for longer than unpaidFor, overdue by more than overdueBy, or with a pending void.
type OrderDB interface {
	Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error)
}

// Orders sends commands to orders.
type Orders interface {
	Resume(ctx context.Context, id string) error
}

// Config configures a Reconciler. Zero durations and limits have the defaults below.
type Config struct {
	OrderDB OrderDB
	Orders  Orders
	Log     *slog.Logger
	Clock   func() time.Time // time.Now

	Every     time.Duration // 2 s ± 25 %: between two searches
	UnpaidFor time.Duration // 5 s
	OverdueBy time.Duration // 2 s
	MaxPause  time.Duration // 30 s: between two commands to one order
	Timeout   time.Duration // 10 s: of a search, and of a command
	Limit     int           // 100: commands after one search
	Parallel  int           // 8: concurrent commands
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

// maxSearch bounds the result of a search, and so the number of entries in Reconciler.attempts.
const maxSearch = 5_000

// New returns a Reconciler. Run starts it.
func New(c Config) *Reconciler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	setDefault(&c.Every, 2*time.Second)
	setDefault(&c.UnpaidFor, 5*time.Second)
	setDefault(&c.OverdueBy, 2*time.Second)
	setDefault(&c.MaxPause, 30*time.Second)
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.Limit, 100)
	setDefault(&c.Parallel, 8)
	return &Reconciler{Config: c, attempts: make(map[string]attempts)}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run searches and resumes until ctx ends. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	wait := r.Every
	for {
		select {
		case <-time.After(wait*3/4 + rand.N(wait/2)): // jitter, so that replicas do not synchronise
		case <-ctx.Done():
			return nil
		}
		var ids []string
		_ = run.Catch(ctx, r.Log, "reconciler", func() error { // the next search may not panic
			ids = r.Select(ctx)
			return nil
		})
		wait = r.Every
		if len(ids) == r.Limit { // there are probably more, such as after an outage
			wait /= 8
		}
		r.resumeAll(ctx, ids)
	}
}

func (r *Reconciler) resumeAll(ctx context.Context, ids []string) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, r.Parallel)
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
		if now.Sub(a.next) > 2*r.MaxPause { // no longer found, so it has continued
			delete(r.attempts, id)
		}
	}
	searchCtx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	limit := min(r.Limit+len(r.attempts), maxSearch) // orders that wait for their next attempt must not crowd out others
	ids, err := r.OrderDB.Stuck(searchCtx, now, r.UnpaidFor, r.OverdueBy, limit)
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Warn("cannot search for stuck orders", "error", err)
		}
		return nil
	}
	for _, id := range ids {
		a := r.attempts[id]
		if now.Before(a.next) || len(selected) == r.Limit {
			continue
		}
		a.count++
		a.next = now.Add(r.pause(a.count))
		r.attempts[id] = a
		selected = append(selected, id)
	}
	return selected
}

// Resume resumes one order. A failure is logged.
func (r *Reconciler) Resume(ctx context.Context, id string) {
	callCtx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if err := r.Orders.Resume(callCtx, id); err != nil && ctx.Err() == nil {
		r.Log.Warn("cannot resume a stuck order", "order", id, "error", err)
	}
}

// pause returns the time between this attempt and the next: Every, doubled with each attempt, up to MaxPause.
func (r *Reconciler) pause(attempt int) time.Duration {
	return min(r.Every<<min(attempt-1, 16), r.MaxPause)
}
