package payment

import (
	"context"
	"errors"
	"time"
)

var errSimulated = errors.New("simulated failure (PAYMENT_FAILURE_RATE)")

// Simulate returns a Service.Process that waits for the latency, and then fails at the given rate, from 0 to 1, by chance. It
// returns nil if it has nothing to do.
func Simulate(latency time.Duration, failureRate float64, chance func(rate float64) bool) func(context.Context) error {
	if latency == 0 && failureRate == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if chance(failureRate) {
			return errSimulated
		}
		return nil
	}
}
