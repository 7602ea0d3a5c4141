package run_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/run"
)

var quiet = slog.New(slog.DiscardHandler)

func TestPartsStopInOrderWhenOneEndsOrTheContextEnds(t *testing.T) {
	for _, cause := range []string{"signal", "a part ends"} {
		t.Run(cause, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stopped []string
				until := func(name string) run.Part {
					return run.Part{Name: name, StopTimeout: time.Minute, Run: func(ctx context.Context) error {
						<-ctx.Done()
						<-time.After(time.Second)
						stopped = append(stopped, name)
						return ctx.Err()
					}}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if cause == "signal" {
					time.AfterFunc(time.Hour, cancel)
				}
				failed := errors.New("failed")
				third := run.Part{Name: "third", StopTimeout: time.Minute, Run: func(ctx context.Context) error {
					if cause == "signal" {
						<-ctx.Done()
						return nil
					}
					return failed
				}}
				err := run.Parts(ctx, quiet, until("first"), until("second"), third, until("fourth"))
				assert.Equal(t, []string{"first", "second", "fourth"}, stopped)
				if cause == "signal" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, failed)
					require.ErrorContains(t, err, "third")
					require.NotErrorIs(t, err, context.Canceled)
				}
			})
		})
	}
}

func TestPartsReturnsAllErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := errors.New("first"), errors.New("second")
		err := run.Parts(t.Context(), quiet,
			run.Part{Name: "a", StopTimeout: time.Minute, Run: func(context.Context) error { return first }},
			run.Part{Name: "b", StopTimeout: time.Minute, Run: func(ctx context.Context) error { <-ctx.Done(); return second }},
		)
		require.ErrorIs(t, err, first)
		require.ErrorIs(t, err, second)
	})
}

func TestPartsReturnsAfterTheStopTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var logged bytes.Buffer
		start := time.Now()
		err := run.Parts(t.Context(), slog.New(slog.NewTextHandler(&logged, nil)),
			run.Part{Name: "stuck", StopTimeout: time.Second, Run: func(context.Context) error { <-release; return nil }},
			run.Part{Name: "panics", StopTimeout: time.Second, Run: func(context.Context) error { panic("ouch") }},
		)
		require.ErrorIs(t, err, run.ErrStopTimeout)
		require.ErrorContains(t, err, "stuck")
		require.ErrorIs(t, err, run.ErrPanic)
		assert.Contains(t, logged.String(), "ouch")
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestEveryContinuesAfterErrorsAndPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+time.Second)
		defer cancel()
		calls := 0
		require.NoError(t, run.Every(time.Hour, quiet, "test", func(context.Context) error {
			if calls++; calls == 1 {
				panic("first")
			}
			return errors.New("second")
		})(ctx))
		assert.Equal(t, 3, calls)
	})
}
