package orderdb

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"orders/kit/run"
)

const (
	pollInterval = 250 * time.Millisecond // the delay of events of other replicas
	pollPause    = 20 * time.Millisecond  // limits polls to 50 per second
	wantedFor    = 30 * time.Second       // how long a reader waits without calling Changed again
)

// Watcher tells the readers of this replica when the event log has new events. While a reader waits, it reads the head of the
// log after each write of this replica, and every 250 ms for events of other replicas and events that waited for another
// transaction. Its load on the database does not depend on the number of readers.
//
// It does not use LISTEN: on PostgreSQL, transactions that notify commit one after another.
type Watcher struct {
	head func(context.Context) (string, error)
	wake chan struct{}
	log  *slog.Logger

	asked chan struct{} // wakes Run when a reader begins to wait

	mu      sync.Mutex
	newest  feedCursor
	changed chan struct{} // closed and replaced when newest changes
	wanted  time.Time     // until then a reader may wait for changed
}

// NewWatcher returns the watcher of an order database. Use one per database.
func NewWatcher(d *DB, log *slog.Logger) *Watcher { return newWatcher(d.Head, d.written, log) }

func newWatcher(head func(context.Context) (string, error), wake chan struct{}, log *slog.Logger) *Watcher {
	return &Watcher{head: head, wake: wake, log: log, asked: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Run watches until ctx is done. It retries failed polls and logs the first failure of a series.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	failing := false
	for {
		err := run.Catch(ctx, w.log, "feed", func() error { return w.poll(ctx) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			w.log.Warn("watching the event log failed; retrying", "error", err)
		case err == nil && failing:
			w.log.Info("watching the event log works again")
		}
		failing = err != nil
		if !sleep(ctx, pollPause) {
			return nil
		}
		wake, tick := w.wake, ticker.C
		if !w.isWanted() {
			wake, tick = nil, nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.asked:
		case <-wake:
		case <-tick:
		}
	}
}

// sleep waits for d. It reports false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (w *Watcher) poll(ctx context.Context) error {
	cursor, err := w.head(ctx)
	if err != nil {
		return err
	}
	newest, err := parseFeedCursor(cursor)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if newest != w.newest {
		w.newest = newest
		close(w.changed)
		w.changed = make(chan struct{})
		w.wanted = time.Time{}
	}
	return nil
}

func (w *Watcher) isWanted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.wanted)
}

// wake makes the watcher poll now.
func (d *DB) wake() {
	select {
	case d.written <- struct{}{}:
	default: // a poll is due already
	}
}

// Changed returns a channel that is closed when the log has events after the cursor. It is closed already if it has some
// now, or if the cursor does not belong to this log, since Events returns an error then. A reader that still waits must call
// Changed again within 30 s: otherwise it has left, and the log is not read for it any more.
func (w *Watcher) Changed(after string) <-chan struct{} {
	cursor, err := parseFeedCursor(after)
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.newest.log != ""
	if err != nil || known && (cursor.log != w.newest.log || cursor.compare(w.newest.position) < 0) {
		return closedChannel
	}
	now := time.Now()
	wanted := now.Before(w.wanted)
	w.wanted = now.Add(wantedFor)
	if !wanted {
		select {
		case w.asked <- struct{}{}:
		default: // Run has not seen the previous one yet
		}
	}
	return w.changed
}

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
