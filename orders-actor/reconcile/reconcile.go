// Package reconcile is the net under reminders and payments: a loop that finds orders in the list view that should have
// moved on, and pokes them.
//
// It guarantees that it never ends before its context does, whatever fails; that it pokes a bounded number of orders at
// once, each with a deadline; and that an order that stays stuck is poked ever less often, down to once in MaxPause.
// Several replicas may poke the same order: a poke changes nothing that needn't change.
package reconcile

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"orders/kit/run"
)

// View finds what is stuck: orders that are unpaid for longer than unpaidFor, overdue by more than overdueBy, or owe a
// void.
type View interface {
	Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error)
}

// Orders moves one on.
type Orders interface {
	Poke(ctx context.Context, id string) error
}

// Config is what a Reconciler needs. Zero durations and counts take the defaults.
type Config struct {
	View   View
	Orders Orders
	Log    *slog.Logger
	Clock  func() time.Time // time.Now

	Every     time.Duration // 2 s, more or less a quarter
	UnpaidFor time.Duration // 5 s
	OverdueBy time.Duration // 2 s
	MaxPause  time.Duration // 30 s: between two pokes of one order
	Timeout   time.Duration // 10 s: of one look, and of one poke
	Limit     int           // 100 pokes after one look
	Parallel  int           // 8 pokes at once
}

// Reconciler is the loop.
type Reconciler struct {
	Config
	poked map[string]poke // how often, and when next; of Run's goroutine
}

type poke struct {
	times int
	next  time.Time // not before
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	set(&c.Every, 2*time.Second)
	set(&c.UnpaidFor, 5*time.Second)
	set(&c.OverdueBy, 2*time.Second)
	set(&c.MaxPause, 30*time.Second)
	set(&c.Timeout, 10*time.Second)
	set(&c.Limit, 100)
	set(&c.Parallel, 8)
	return &Reconciler{Config: c, poked: make(map[string]poke)}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run looks until ctx ends. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	wait := r.Every
	for {
		select {
		case <-time.After(wait*3/4 + rand.N(wait/2)): // replicas shouldn't look in step
		case <-ctx.Done():
			return nil
		}
		var due []string
		_ = run.Catch(ctx, r.Log, "reconciler", func() error { // the next look may find no cause for it
			due = r.Due(ctx)
			return nil
		})
		wait = r.Every
		if len(due) == r.Limit { // after an outage there is more where these came from
			wait /= 8
		}
		r.pokeAll(ctx, due)
	}
}

func (r *Reconciler) pokeAll(ctx context.Context, ids []string) {
	var pokes sync.WaitGroup
	defer pokes.Wait()
	room := make(chan struct{}, r.Parallel)
	for _, id := range ids {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		pokes.Go(func() {
			_ = run.Catch(ctx, r.Log, "reconciler", func() error { // this order is poked again, ever later
				defer func() { <-room }()
				r.Poke(ctx, id)
				return nil
			})
		})
	}
}

// Due looks for what is stuck and returns whose time for a poke has come, counting it as poked.
func (r *Reconciler) Due(ctx context.Context) (due []string) {
	now := r.Clock()
	for id, p := range r.poked {
		if now.Sub(p.next) > 2*r.MaxPause { // not seen for long: it has moved on
			delete(r.poked, id)
		}
	}
	looking, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	limit := min(r.Limit+len(r.poked), maxLook) // those that wait for their next poke must not hide the others
	ids, err := r.View.Stuck(looking, now, r.UnpaidFor, r.OverdueBy, limit)
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Warn("can't look for stuck orders", "error", err)
		}
		return nil
	}
	for _, id := range ids {
		p := r.poked[id]
		if now.Before(p.next) || len(due) == r.Limit {
			continue
		}
		p.times++
		p.next = now.Add(r.pause(p.times))
		r.poked[id] = p
		due = append(due, id)
	}
	return due
}

// Poke moves one order on, or says that it couldn't.
func (r *Reconciler) Poke(ctx context.Context, id string) {
	poking, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if err := r.Orders.Poke(poking, id); err != nil && ctx.Err() == nil {
		r.Log.Warn("poked a stuck order in vain", "order", id, "error", err)
	}
}

// maxLook bounds one look, and so the memory of those that stay stuck.
const maxLook = 5_000

// pause grows with each poke that left the order stuck.
func (r *Reconciler) pause(times int) time.Duration {
	return min(r.Every<<min(times-1, 16), r.MaxPause)
}
