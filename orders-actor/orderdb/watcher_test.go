package orderdb

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheWatcherOutlivesPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		w := newWatcher(func(context.Context) (string, error) {
			if looks++; looks < 3 {
				panic("ouch")
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
			assert.Fail(t, "it does not look any more")
		}
		stop()
		assert.NoError(t, <-ended)
	})
}
