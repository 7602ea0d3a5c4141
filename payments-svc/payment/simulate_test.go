package payment_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"orders/payments-svc/payment"
	"orders/payments-svc/payment/paymenttest"
)

func chance(rate float64) bool { return rate == 1 }

func TestSlowPaymentIsDecidedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(&paymenttest.Store{}, true)
		s.Process = payment.Simulate(10*time.Second, 0, chance)
		start := time.Now()
		first, err := s.Pay(t.Context(), request) // the caller may have timed out
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start))
		again, err := s.Pay(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, 10*time.Second, time.Since(start), "the retry returns at once")
	})
}

func TestSimulate(t *testing.T) {
	fails := payment.Simulate(0, 1, chance)
	require.Error(t, fails(t.Context()))
	require.Nil(t, payment.Simulate(0, 0, chance), "nothing to simulate")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := payment.Simulate(time.Hour, 0, chance)
	require.ErrorIs(t, slow(ctx), context.Canceled)

	s := service(&paymenttest.Store{}, true)
	s.Process = fails
	_, err := s.Pay(t.Context(), request)
	require.Error(t, err)
	_, err = s.Find(t.Context(), request.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound, "a failure must not decide")
}
