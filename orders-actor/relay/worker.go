package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/destinations"
)

const (
	batch      = 100 // events per round
	parallel   = 8   // concurrent attempts of a destination, of different orders
	maxWaiting = 500 // waiting events of a destination, after which it reads no more
	refresh    = 5 * time.Second
	outage     = 5 // failures without a success after which the next success makes all waiting events due
)

// worker sends the events of one destination.
type worker struct {
	*Relay
	id         string
	target     Target
	lease      destinations.Lease
	validUntil func() time.Time
}

// run sends events until ctx ends, the lease is lost, or the destination is disabled.
func (w *worker) run(ctx context.Context) {
	defer w.metrics.forget(w.id)
	for ctx.Err() == nil {
		var next wait
		err := run.Catch(ctx, w.Log, "relay", func() (err error) {
			next, err = w.round(ctx)
			return err
		})
		switch {
		case errors.Is(err, destinations.ErrDisabled) || errors.Is(err, destinations.ErrLeaseLost):
			return
		case err != nil && ctx.Err() == nil:
			w.Log.WarnContext(ctx, "cannot relay events; retrying", "destination", w.id, "error", err)
			retry.Sleep(ctx, pause)
		case next.pause > 0:
			select {
			case <-next.more:
			case <-time.After(next.pause):
			case <-ctx.Done():
			}
		}
	}
}

// wait is how long a worker has nothing to do, or until more is closed.
type wait struct {
	pause time.Duration
	more  <-chan struct{}
}

// item is an event of a round.
type item struct {
	destinations.Waiting
	stored bool // as waiting
}

// group are the events of one order, to be sent one after another.
type group struct {
	items    []item
	sent     int // of items
	failed   bool
	outcomes []Outcome
}

// round sends the due waiting events and the next events of the log, and stores how far it came.
func (w *worker) round(ctx context.Context) (wait, error) {
	d, waiting, err := w.Store.Read(ctx, w.id)
	if err != nil {
		return wait{}, err
	}
	sender, err := w.target.Open(ctx, w.id)
	if err != nil {
		return wait{}, err
	}
	now := w.Clock()
	p := destinations.Progress{
		Before: d, Cursor: d.Cursor, Failures: d.Failures, LastSuccess: d.LastSuccess, LastFailure: d.LastFailure, LastError: d.LastError,
	}
	groups, next, err := w.retries(ctx, waiting, now)
	if err != nil {
		return wait{}, err
	}
	var more <-chan struct{}
	if len(waiting) < maxWaiting {
		if more, err = w.news(ctx, sender, &p, groups, waiting, now); err != nil {
			return wait{}, err
		}
	}
	w.metrics.observeOldest(w.id, oldest(waiting, groups))
	if len(groups) == 0 && len(p.Waiting) == 0 && p.Cursor == d.Cursor && p.Disable == "" {
		return wait{next, more}, nil
	}
	w.send(ctx, sender, groups)
	return wait{}, w.save(ctx, sender, p, groups)
}

// retries returns the waiting events that are due, by order, and how long it is until others are, or refresh if that is shorter.
func (w *worker) retries(ctx context.Context, waiting []destinations.Waiting, now time.Time) (map[string]*group, time.Duration, error) {
	groups, seen, next := map[string]*group{}, map[string]bool{}, refresh
	var due []string
	for _, e := range waiting {
		if seen[e.OrderID] {
			continue // it waits for the earlier one
		}
		seen[e.OrderID] = true
		if until := e.NextAt.Sub(now); until > 0 {
			next = min(next, until)
		} else if len(due) < batch {
			due = append(due, e.OrderID)
		}
	}
	if len(due) == 0 {
		return groups, next, nil
	}
	documents, err := w.Store.Documents(ctx, w.id, due, batch)
	for _, e := range documents {
		add(groups, item{Waiting: e, stored: true})
	}
	return groups, next, err
}

func add(groups map[string]*group, e item) {
	g := groups[e.OrderID]
	if g == nil {
		g = &group{}
		groups[e.OrderID] = g
	}
	g.items = append(g.items, e)
}

// news adds the next events of the log to groups, and those of orders with waiting events to the waiting ones. If the log no longer has
// the next event, it disables the destination.
func (w *worker) news(
	ctx context.Context, sender Sender, p *destinations.Progress, groups map[string]*group, waiting []destinations.Waiting, now time.Time,
) (<-chan struct{}, error) {
	q := orderdb.EventQuery{After: p.Cursor, Limit: batch}
	events, more, ok := w.Feed.Since(q)
	if !ok {
		var err error
		events, err = w.Events.Events(ctx, q)
		if errors.Is(err, orderdb.ErrCursorExpired) {
			p.Disable = "the event log no longer has the next event of this destination"
			w.metrics.disabled.WithLabelValues("expired").Inc()
			return more, nil
		}
		if err != nil {
			return nil, err
		}
	}
	p.Cursor = events.Next
	held := map[string]bool{}
	for _, e := range waiting {
		held[e.OrderID] = true
	}
	for _, e := range events.Events {
		if !sender.Wants(e.Order) {
			continue
		}
		at, err := cursors.ParseFeed(e.Cursor)
		if err != nil {
			return nil, err
		}
		one := destinations.Waiting{Position: at.Position, OrderID: e.Order.ID, FirstAt: now, NextAt: now, Order: e.Order}
		if held[e.Order.ID] {
			p.Waiting = append(p.Waiting, one)
		} else {
			add(groups, item{Waiting: one})
		}
	}
	return more, nil
}

// send sends the events of each group until one fails.
func (w *worker) send(ctx context.Context, sender Sender, groups map[string]*group) {
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for _, g := range groups {
		slots <- struct{}{}
		running.Go(func() {
			_ = run.Catch(ctx, w.Log, "relay", func() error {
				defer func() { <-slots }()
				if err := run.Catch(ctx, w.Log, "relay", func() error { w.sendGroup(ctx, sender, g); return nil }); err != nil {
					g.fail(Outcome{Err: "internal error"})
				}
				return nil
			})
		})
	}
	running.Wait()
}

func (w *worker) sendGroup(ctx context.Context, sender Sender, g *group) {
	for _, e := range g.items {
		until := w.validUntil()
		if ctx.Err() != nil || !time.Now().Before(until) {
			return
		}
		limited, cancel := context.WithDeadline(ctx, until)
		outcome := sender.Send(limited, e.Order, e.Attempts+1)
		stopped := limited.Err() != nil
		cancel()
		if outcome.Err != "" && stopped {
			return // it is not the destination's failure
		}
		if outcome.Err != "" {
			g.fail(outcome)
			return
		}
		g.outcomes = append(g.outcomes, outcome)
		g.sent++
		w.metrics.delivered(w.Clock().Sub(e.Order.UpdatedAt))
	}
}

func (g *group) fail(o Outcome) {
	g.failed, g.outcomes = true, append(g.outcomes, o)
}

// save stores what was sent and what waits. It is also executed when the relay stops, so that fewer events are sent twice.
func (w *worker) save(ctx context.Context, sender Sender, p destinations.Progress, groups map[string]*group) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), destinations.SaveTimeout)
	defer cancel()
	now := w.Clock()
	failures := p.Failures
	var succeeded bool
	var outcomes []Outcome
	for _, g := range groups {
		outcomes = append(outcomes, g.outcomes...)
		for _, e := range g.items[:g.sent] {
			succeeded = true
			if e.stored {
				p.Sent = append(p.Sent, e.Position)
			}
		}
		for i, e := range g.items[g.sent:] {
			attempted := i == 0 && g.failed
			if attempted {
				w.failed(&p, &e.Waiting, g.outcomes[len(g.outcomes)-1], now)
				failures++
			}
			if attempted || !e.stored {
				p.Waiting = append(p.Waiting, e.Waiting)
			}
		}
	}
	p.Failures = failures
	if succeeded {
		p.DueNow = p.Before.Failures >= outage
		p.Failures, p.LastSuccess = 0, now
	}
	if len(outcomes) > 0 {
		p.Record = func(ctx context.Context, tx *sql.Tx) error { return sender.Record(ctx, tx, outcomes) }
	}
	if p.Disable != "" {
		w.Log.ErrorContext(ctx, "a destination of events is disabled", "destination", w.id, "reason", p.Disable)
	}
	return w.Store.Save(ctx, w.lease, now, p)
}

// failed schedules the next attempt of an event, or disables the destination.
func (w *worker) failed(p *destinations.Progress, e *destinations.Waiting, o Outcome, now time.Time) {
	w.metrics.failures.Inc()
	if e.Attempts == 0 {
		e.FirstAt = now
	}
	e.Attempts++
	e.NextAt = now.Add(backoff(e.Attempts))
	p.LastFailure, p.LastError = now, o.Err
	switch {
	case o.Disable != "":
		p.Disable = o.Disable
		w.metrics.disabled.WithLabelValues("refused").Inc()
	case now.Sub(e.FirstAt) >= GiveUpAfter:
		p.Disable = fmt.Sprintf("version %d of order %s could not be sent for %s: %s", e.Order.Version, e.OrderID, GiveUpAfter, o.Err)
		w.metrics.disabled.WithLabelValues("failing").Inc()
	}
}

var pauses = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// backoff returns the pause after an attempt, with ± 20 % jitter so that retries do not synchronise.
func backoff(attempt int) time.Duration {
	d := pauses[min(attempt, len(pauses))-1]
	return d*4/5 + rand.N(d*2/5)
}

// oldest returns the time of the oldest event that is not sent yet, or the zero time.
func oldest(waiting []destinations.Waiting, groups map[string]*group) (at time.Time) {
	for _, e := range waiting {
		if at.IsZero() || e.FirstAt.Before(at) {
			at = e.FirstAt
		}
	}
	for _, g := range groups {
		if e := g.items[0]; !e.stored && (at.IsZero() || e.Order.UpdatedAt.Before(at)) {
			at = e.Order.UpdatedAt
		}
	}
	return at
}
