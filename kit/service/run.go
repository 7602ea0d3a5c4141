// Package service is what the mains of our services share: the logger, the run group, and an HTTP server with probes,
// metrics, an access log and panic recovery.
//
// It guarantees that a service ends as a whole: the first runner to end stops all others, which get a bounded time for
// it, and every error is told. A handler that panics costs its request only.
package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"orders/kit/panics"
)

// Runner works until it is done or ctx ends; then it stops and returns. Stopping because ctx ended is no error.
type Runner func(ctx context.Context) error

// ErrStopTimeout is returned when a runner didn't stop in time.
var ErrStopTimeout = errors.New("a part of the service didn't stop in time")

// Run runs all runners. When the first one ends or panics, or ctx ends, it ends the others' context and waits for them, at
// most for limit. It returns their errors joined.
func Run(ctx context.Context, log *slog.Logger, limit time.Duration, runners ...Runner) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(runners)) // room for all: a late one must not hang
	for _, r := range runners {
		go func() { ended <- panics.Catch(ctx, log, "runner", func() error { return r(ctx) }) }()
	}

	var errs []error
	var deadline <-chan time.Time
	done := ctx.Done()
	stop := func() {
		cancel()
		done = nil
		if deadline == nil {
			deadline = time.After(limit)
		}
	}
	for left := len(runners); left > 0; {
		select {
		case err := <-ended:
			left--
			if err != nil && !errors.Is(err, context.Canceled) {
				errs = append(errs, err)
			}
			stop()
		case <-done:
			stop()
		case <-deadline:
			return errors.Join(append(errs, ErrStopTimeout)...)
		}
	}
	return errors.Join(errs...)
}
