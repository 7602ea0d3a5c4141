package orderdb

import (
	"context"
	"log/slog"
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
