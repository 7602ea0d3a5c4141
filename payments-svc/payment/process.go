package payment

import (
	"context"
	"errors"
	"time"
)

var errSimulated = errors.New("failing as PAYMENT_FAILURE_RATE asks for")

// Simulate makes a Process that takes the latency and then fails when fail says so.
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
