// Package feed reads the order database's event log once per replica, and hands the events to all readers who wait for them.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"orders/kit/run"
	"orders/orders-actor/orderdb"
)

const (
	// Size is how many events are kept in memory.
	Size = 1024

	batch       = 256         // events read at once
	pause       = time.Second // after the database failed
	callTimeout = 15 * time.Second
)

// Log is the event log of the order database.
type Log interface {
	// Events returns what happened after a cursor, or orderdb.ErrCursorExpired or orderdb.ErrBadCursor.
	Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error)
	// Head is the cursor of now.
	Head(ctx context.Context) (string, error)
}

// Watcher tells when the event log has grown.
type Watcher interface {
	// Changed returns a channel that is closed once there is something after this cursor.
	Changed(after string) <-chan struct{}
}

// Feed reads each event once, keeps the last ones, and wakes all readers. A reader that is further behind than the Feed
// reaches back reads the database itself until it has caught up.
//
// Positions count events: position p is the point before the event number p. They mean something in this process only;
// cursors are what the outside knows.
type Feed struct {
	events  Log
	watcher Watcher
	log     *slog.Logger

	mu      sync.Mutex
	recent  []orderdb.Event
	first   int64            // position of recent[0]
	after   map[string]int64 // cursor → the position that it stands for
	changed chan struct{}    // closed and renewed with each batch
}

// New makes a feed. Until Run runs it reaches back to nothing.
func New(events Log, watcher Watcher, log *slog.Logger) *Feed {
	return &Feed{events: events, watcher: watcher, log: log, after: map[string]int64{}, changed: make(chan struct{})}
}

// Run follows the log until ctx ends. It returns nil: what fails is tried again.
func (f *Feed) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := run.Catch(ctx, f.log, "feed", func() error { return f.follow(ctx) })
		if err != nil && ctx.Err() == nil {
			f.log.Warn("the event log can't be followed; trying again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// follow starts from now and returns the first error.
func (f *Feed) follow(ctx context.Context) error {
	cursor, err := f.head(ctx)
	if err != nil {
		return err
	}
	f.restart(cursor)
	for {
		changed := f.watcher.Changed(cursor)
		for {
			events, err := f.read(ctx, cursor)
			if err != nil {
				return err
			}
			cursor = events.Next
			if len(events.Events) == 0 {
				break
			}
			f.add(events.Events)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *Feed) head(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return f.events.Head(ctx)
}

func (f *Feed) read(ctx context.Context, after string) (orderdb.Events, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	events, err := f.events.Events(ctx, orderdb.EventQuery{After: after, Limit: batch})
	if errors.Is(err, context.Canceled) {
		return orderdb.Events{}, context.Canceled
	}
	return events, err
}

// restart forgets all, after a gap: whoever waits looks for themselves.
func (f *Feed) restart(cursor string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first += int64(len(f.recent)) + 1
	f.recent = nil
	f.after = map[string]int64{cursor: f.first}
	f.wake()
}

func (f *Feed) add(events []orderdb.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.recent = append(f.recent, e)
		f.after[e.Cursor] = f.first + int64(len(f.recent))
	}
	if over := len(f.recent) - Size; over > 0 {
		f.first += int64(over)
		f.recent = append([]orderdb.Event(nil), f.recent[over:]...)
		for cursor, position := range f.after {
			if position < f.first {
				delete(f.after, cursor)
			}
		}
	}
	f.wake()
}

func (f *Feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Since returns what happened after a cursor, from memory; ok is false when the feed doesn't reach back to it. Next moves
// over what isn't the customer's. The channel closes when there may be more.
func (f *Feed) Since(q orderdb.EventQuery) (events orderdb.Events, more <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	position, ok := f.after[q.After]
	if !ok {
		return orderdb.Events{}, f.changed, false
	}
	events.Next = q.After
	for _, e := range f.recent[position-f.first:] {
		if len(events.Events) == q.Limit {
			break
		}
		events.Next = e.Cursor
		if q.Customer == "" || e.Order.Customer == q.Customer {
			events.Events = append(events.Events, e)
		}
	}
	return events, f.changed, true
}

// Position is the position of now, to give to Touched later, taken before looking at an order.
func (f *Feed) Position() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + int64(len(f.recent))
}

// Touched says whether the order may have changed since a position, and the position of now. The channel closes when to
// ask again.
func (f *Feed) Touched(id string, since int64) (touched bool, now int64, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now = f.first + int64(len(f.recent))
	if since < f.first {
		return true, now, f.changed
	}
	for _, e := range f.recent[since-f.first:] {
		if e.Order.ID == id {
			return true, now, f.changed
		}
	}
	return false, now, f.changed
}
