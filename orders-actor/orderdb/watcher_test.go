package orderdb

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWatcherContinuesAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		w := newWatcher(func(context.Context) (string, error) {
			if polls++; polls < 3 {
				panic("test")
			}
			return "01234567.0.7", nil
		}, make(chan struct{}, 1), slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		changed := w.Changed("01234567.0.6")
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		select {
		case <-changed:
		case <-time.After(time.Hour): // of the bubble's clock
			assert.Fail(t, "no poll after the panic")
		}
		stop()
		assert.NoError(t, <-ended)
	})
}

// The last reader leaves without a word, and no event may come for long.
func TestWatcherPollsOnlyWhileThereAreReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const head = "01234567.0.7"
		var polls atomic.Int32
		w := newWatcher(func(context.Context) (string, error) {
			polls.Add(1)
			return head, nil
		}, make(chan struct{}, 1), slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		for range 2 {
			<-time.After(time.Hour)
			polls.Store(0)
			<-time.After(time.Hour)
			assert.Zero(t, polls.Load(), "no reader")
			for range 6 { // as the feed does
				_ = w.Changed(head)
				polls.Store(0)
				<-time.After(10 * time.Second)
				assert.NotZero(t, polls.Load(), "a reader waits")
			}
		}
		stop()
		assert.NoError(t, <-ended)
	})
}
