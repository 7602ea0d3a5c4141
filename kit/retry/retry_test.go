package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"orders/kit/retry"
)

func TestSleepVariesByHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slept := map[time.Duration]bool{}
		for range 100 {
			start := time.Now()
			retry.Sleep(t.Context(), time.Second)
			d := time.Since(start)
			assert.GreaterOrEqual(t, d, 500*time.Millisecond)
			assert.Less(t, d, 1500*time.Millisecond)
			slept[d] = true
		}
		assert.Greater(t, len(slept), 50)
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		retry.Sleep(ctx, time.Hour)
		assert.Equal(t, time.Second, time.Since(start))
	})
}
