package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/panics"
)

func TestPartsStopOneAfterAnother(t *testing.T) {
	for _, cause := range []string{"signal", "a part ends"} {
		t.Run(cause, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stopped []string
				until := func(name string) part {
					return part{name, func(ctx context.Context) error {
						<-ctx.Done()
						<-time.After(time.Second)
						stopped = append(stopped, name)
						return nil
					}, time.Minute}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if cause == "signal" {
					time.AfterFunc(time.Hour, cancel)
				}
				oops := errors.New("oops")
				err := inOrder(ctx, slog.New(slog.DiscardHandler), until("first"), until("second"), part{"third", func(ctx context.Context) error {
					if cause == "signal" {
						<-ctx.Done()
						return nil
					}
					return oops
				}, time.Minute}, until("fourth"))
				assert.Equal(t, []string{"first", "second", "fourth"}, stopped)
				if cause == "signal" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, oops)
					require.ErrorContains(t, err, "third")
				}
			})
		})
	}
}

func TestAPartThatDoesNotStopHoldsUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		began := time.Now()
		err := inOrder(t.Context(), slog.New(slog.DiscardHandler),
			part{"stuck", func(context.Context) error { <-release; return nil }, time.Second},
			part{"panics", func(context.Context) error { panic("ouch") }, time.Second},
		)
		require.ErrorContains(t, err, "stuck")
		require.ErrorIs(t, err, panics.Err)
		assert.Equal(t, time.Second, time.Since(began))
	})
}
