// Package feed reads the event log of the order database once per replica, and fans the events out to all waiting readers.
//
// Run follows the log while there are readers. Readers call Since or Touched, and wait on the returned channel for more. While
// they wait, they must be registered with Follow.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/orders-actor/orderdb"
)

const (
	// Size is the number of events in memory.
	Size = 1024

	batch       = 256         // events per read
	pause       = time.Second // after an error of the database
	callTimeout = 15 * time.Second
	idleCheck   = 10 * time.Second // how often Run checks whether it may stop following

	pollInterval = 250 * time.Millisecond // the delay of events of other replicas, and of those that wait for another transaction
	pollPause    = 20 * time.Millisecond  // limits reads to 50 per second
)

// Log is the event log of the order database.
type Log interface {
	// Events returns the events after a cursor, or orderdb.ErrCursorExpired or orderdb.ErrBadCursor.
	Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error)
	// Head returns the cursor of the end of the log.
	Head(ctx context.Context) (string, error)
	// Written receives after a write of this process.
	Written() <-chan struct{}
}

// Feed reads each event once, keeps the last Size events, and wakes all readers. A reader with an older cursor must read the
// database until it has caught up. Without followers it reads nothing and keeps no events.
//
// It reads after each write of this replica, and every 250 ms. It does not use LISTEN: on PostgreSQL, transactions that notify
// commit one after another.
//
// Positions count events: position p is before event number p. They are valid in this process only; clients have cursors.
type Feed struct {
	events Log
	log    *slog.Logger

	followed chan struct{} // wakes Run

	mu        sync.Mutex
	followers int
	recent    []orderdb.Event
	first     int64            // position of recent[0]
	after     map[string]int64 // cursor → position
	changed   chan struct{}    // closed and replaced with each batch
}

// New returns a Feed without events. Run fills it.
func New(events Log, log *slog.Logger) *Feed {
	return &Feed{events: events, log: log, followed: make(chan struct{}, 1), after: map[string]int64{}, changed: make(chan struct{})}
}

// Run follows the log, while there are followers, until ctx ends. It retries after errors and panics, and returns nil.
func (f *Feed) Run(ctx context.Context) error {
	for f.awaitFollower(ctx) {
		err := run.Catch(ctx, f.log, "feed", func() error { return f.follow(ctx) })
		if err != nil && ctx.Err() == nil {
			f.log.Warn("cannot follow the event log; retrying", "error", err)
			retry.Sleep(ctx, pause)
		}
	}
	return nil
}

// Follow makes the feed follow the log until the caller calls stop, once.
func (f *Feed) Follow() (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers++
	select {
	case f.followed <- struct{}{}:
	default: // Run has not seen the previous one yet
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.followers--
	}
}

// Followers returns the number of readers that follow the log now.
func (f *Feed) Followers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.followers
}

// awaitFollower waits for a follower. It reports false if ctx ends first.
func (f *Feed) awaitFollower(ctx context.Context) bool {
	for ctx.Err() == nil {
		if f.Followers() > 0 {
			return true
		}
		select {
		case <-f.followed:
		case <-ctx.Done():
		}
	}
	return false
}

// follow reads from the end of the log until ctx ends or the last follower has left, and returns the first error.
func (f *Feed) follow(ctx context.Context) error {
	cursor, err := f.head(ctx)
	if err != nil {
		return err
	}
	f.restart(cursor)
	poll, idle := time.NewTicker(pollInterval), time.NewTicker(idleCheck)
	defer poll.Stop()
	defer idle.Stop()
	for ctx.Err() == nil {
		events, err := f.read(ctx, cursor)
		if err != nil {
			return err
		}
		cursor = events.Next
		if len(events.Events) > 0 {
			f.add(events.Events)
		}
		if len(events.Events) == batch {
			continue
		}
		retry.Sleep(ctx, pollPause)
		select {
		case <-f.events.Written():
		case <-poll.C:
		case <-idle.C:
			if f.stopIfIdle() {
				return nil
			}
		case <-ctx.Done():
		}
	}
	return nil
}

// stopIfIdle drops all events, so that later readers read the database, if there is no follower.
func (f *Feed) stopIfIdle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers > 0 {
		return false
	}
	f.drop()
	return true
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

// restart drops all events, because some may be missing before cursor. Waiting readers are woken and read the database.
func (f *Feed) restart(cursor string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
	f.after[cursor] = f.first
}

// drop drops all events and wakes the readers. The caller holds f.mu.
func (f *Feed) drop() {
	f.first += int64(len(f.recent)) + 1
	f.recent = nil
	f.after = map[string]int64{}
	f.wake()
}

func (f *Feed) add(events []orderdb.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, e := range events {
		lag.Observe(max(now.Sub(e.Order.UpdatedAt), 0).Seconds())
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

// Since returns the events after a cursor from memory. ok is false if the cursor is older than the events in memory. Next is
// after other customers' events, too. The channel is closed when there may be more.
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

// Position returns the current position. A reader takes it before it reads an order, and passes it to Touched.
func (f *Feed) Position() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + int64(len(f.recent))
}

// Touched reports whether the order may have changed since a position, and returns the current position. The channel is
// closed when the caller should ask again.
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
