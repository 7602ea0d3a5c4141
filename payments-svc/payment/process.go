package payment

import (
	"context"
	"errors"
	"time"
)

var errSimulated = errors.New("simulated failure (PAYMENT_FAILURE_RATE)")

// Simulate returns a Service.Process that waits for the latency, and then fails if fail returns true.
func Simulate(latency time.Duration, fail func() bool) func(context.Context) error {
	return func(ctx context.Context) error {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if fail() {
			return errSimulated
		}
		return nil
	}
}
