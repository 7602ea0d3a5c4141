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

func TestALatencyAboveTheCallersTimeoutStillDecidesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk(&paymenttest.Store{}, true)
		d.Process = payment.Simulate(10*time.Second, func() bool { return false })
		began := time.Now()
		first, err := d.Pay(t.Context(), ask) // its caller may be gone by now
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(began))
		again, err := d.Pay(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, 10*time.Second, time.Since(began), "the repeat is answered at once")
	})
}

func TestSimulatedProcessingEndsWithItsContextAndFailsAsTold(t *testing.T) {
	fails := payment.Simulate(0, func() bool { return true })
	require.Error(t, fails(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := payment.Simulate(time.Hour, func() bool { return false })
	require.ErrorIs(t, slow(ctx), context.Canceled)

	d := desk(&paymenttest.Store{}, true)
	d.Process = fails
	_, err := d.Pay(t.Context(), ask)
	require.Error(t, err)
	_, err = d.Find(t.Context(), ask.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound, "a failure decides nothing")
}
