package rest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"orders/kit/panics"
	"orders/orders-actor/view"
)

const (
	tailSize  = 1024            // events kept in memory
	tailBatch = 256             // events read at once
	tailPause = 1 * time.Second // after the database failed
)

// tail follows the event log for everybody who waits: it reads each event once, keeps the last ones, and wakes all
// waiters. A reader that is further behind than the tail reaches goes to the database by itself until it has caught up.
//
// Positions count events: position p is the point before the event number p. They mean something in this process only;
// cursors are what the outside knows.
type tail struct {
	reads   Reads
	watcher Watcher
	log     *slog.Logger

	mu      sync.Mutex
	events  []view.Event
	first   int64            // position of events[0]
	after   map[string]int64 // cursor → the position that it stands for
	changed chan struct{}    // closed and renewed with each batch
}

func newTail(reads Reads, watcher Watcher, log *slog.Logger) *tail {
	return &tail{reads: reads, watcher: watcher, log: log, after: map[string]int64{}, changed: make(chan struct{})}
}

// run follows until ctx is done.
func (t *tail) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := panics.Catch(ctx, t.log, "feed", func() error { return t.follow(ctx) })
		if err != nil && ctx.Err() == nil {
			t.log.Warn("the event log can't be followed; trying again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(tailPause):
			}
		}
	}
}

// follow starts from now and returns the first error.
func (t *tail) follow(ctx context.Context) error {
	cursor, err := t.head(ctx)
	if err != nil {
		return err
	}
	t.restart(cursor)
	for {
		changed := t.watcher.Changed(cursor)
		for {
			events, err := t.read(ctx, cursor)
			if err != nil {
				return err
			}
			cursor = events.Next
			if len(events.Events) == 0 {
				break
			}
			t.add(events.Events)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *tail) head(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return t.reads.Head(ctx)
}

func (t *tail) read(ctx context.Context, after string) (view.Events, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	events, err := t.reads.Events(ctx, view.EventQuery{After: after, Limit: tailBatch})
	if errors.Is(err, context.Canceled) {
		return view.Events{}, context.Canceled
	}
	return events, err
}

// restart forgets all, after a gap: whoever waits looks for themselves.
func (t *tail) restart(cursor string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first += int64(len(t.events)) + 1
	t.events = nil
	t.after = map[string]int64{cursor: t.first}
	t.wake()
}

func (t *tail) add(events []view.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		t.events = append(t.events, e)
		t.after[e.Cursor] = t.first + int64(len(t.events))
	}
	if over := len(t.events) - tailSize; over > 0 {
		t.first += int64(over)
		t.events = append([]view.Event(nil), t.events[over:]...)
		for cursor, position := range t.after {
			if position < t.first {
				delete(t.after, cursor)
			}
		}
	}
	t.wake()
}

func (t *tail) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// since returns what happened after a cursor, from memory; ok is false when the tail doesn't reach back to it. Next moves
// over what isn't the customer's. The channel closes when there may be more.
func (t *tail) since(q view.EventQuery) (events view.Events, more <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	position, ok := t.after[q.After]
	if !ok {
		return view.Events{}, t.changed, false
	}
	events.Next = q.After
	for _, e := range t.events[position-t.first:] {
		if len(events.Events) == q.Limit {
			break
		}
		events.Next = e.Cursor
		if q.Customer == "" || e.Order.Customer == q.Customer {
			events.Events = append(events.Events, e)
		}
	}
	return events, t.changed, true
}

// now is the position to give to touched later, taken before looking at an order.
func (t *tail) now() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first + int64(len(t.events))
}

// touched says whether the order may have changed since a position, and the position of now. The channel closes when to
// ask again.
func (t *tail) touched(id string, since int64) (touched bool, now int64, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now = t.first + int64(len(t.events))
	if since < t.first {
		return true, now, t.changed
	}
	for _, e := range t.events[since-t.first:] {
		if e.Order.ID == id {
			return true, now, t.changed
		}
	}
	return false, now, t.changed
}
