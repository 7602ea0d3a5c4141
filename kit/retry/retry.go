// Package retry has the pause between two attempts.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Sleep sleeps for d ± 50 %, so that callers that failed together do not retry at the same moment. It returns early when
// ctx ends; the caller checks that. d must be positive.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
