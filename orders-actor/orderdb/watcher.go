package orderdb

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"orders/kit/run"
)

const (
	pollEvery = 250 * time.Millisecond // other replicas' writes are seen this late
	pollPause = 20 * time.Millisecond  // at most 50 polls a second, however many writes there are
)

// Watcher tells everybody in this replica who waits when the event log has grown. It alone asks the database, and only
// for the log's end: at once after this replica's own writes, now and then for those of others, and for events that had
// to wait for another transaction's end. What it costs doesn't depend on how many wait.
//
// It polls rather than listens: on PostgreSQL, transactions that notify commit one after another.
type Watcher struct {
	head func(context.Context) (string, error)
	wake chan struct{}
	log  *slog.Logger

	mu      sync.Mutex
	newest  feedCursor
	changed chan struct{} // closed and renewed when newest moves
}

// NewWatcher makes the watcher of a view; one is enough.
func NewWatcher(d *DB, log *slog.Logger) *Watcher { return newWatcher(d.Head, d.written, log) }

func newWatcher(head func(context.Context) (string, error), wake chan struct{}, log *slog.Logger) *Watcher {
	return &Watcher{head: head, wake: wake, log: log, changed: make(chan struct{})}
}

// Run watches until ctx is done. While the database is away it tries again and again.
func (w *Watcher) Run(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	away := false
	for {
		err := run.Catch(ctx, w.log, "feed", func() error { return w.look(ctx) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			w.log.Warn("the event log can't be watched; trying again", "err", err)
		case err == nil && away:
			w.log.Info("the event log can be watched again")
		}
		away = err != nil
		if !sleep(ctx, pollPause) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-poll.C:
		}
	}
}

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

func (w *Watcher) look(ctx context.Context) error {
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
	}
	return nil
}

// Notify makes the watcher look now. Put does so by itself.
func (w *Watcher) Notify() { wake(w.wake) }

func (d *DB) wake() { wake(d.written) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is about to look anyway
	}
}

// Changed returns a channel that is closed once the log goes on after this cursor, which may be now. For a cursor that
// isn't of this log it is closed too: Events has something to say about it.
func (w *Watcher) Changed(after string) <-chan struct{} {
	cursor, err := parseFeedCursor(after)
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.newest.log != ""
	if err != nil || known && (cursor.log != w.newest.log || cursor.compare(w.newest.position) < 0) {
		return alreadyClosed
	}
	return w.changed
}

var alreadyClosed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
