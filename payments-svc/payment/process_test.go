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

func TestSlowPaymentIsDecidedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(&paymenttest.Store{}, true)
		s.Process = payment.Simulate(10*time.Second, func() bool { return false })
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
	fails := payment.Simulate(0, func() bool { return true })
	require.Error(t, fails(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := payment.Simulate(time.Hour, func() bool { return false })
	require.ErrorIs(t, slow(ctx), context.Canceled)

	s := service(&paymenttest.Store{}, true)
	s.Process = fails
	_, err := s.Pay(t.Context(), request)
	require.Error(t, err)
	_, err = s.Find(t.Context(), request.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound, "a failure must not decide")
}
