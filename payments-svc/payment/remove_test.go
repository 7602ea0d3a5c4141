package payment_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/payments-svc/payment"
	"orders/payments-svc/payment/paymenttest"
)

func TestRemovedPaymentIsNeverDecidedAgain(t *testing.T) {
	store := &paymenttest.Store{}
	s := service(store, true)
	_, err := s.Pay(t.Context(), request)
	require.NoError(t, err)
	for range 2 { // it may be repeated
		p, err := s.Remove(t.Context(), request)
		require.NoError(t, err)
		assert.Equal(t, payment.Payment{OrderID: request.OrderID, Status: payment.Removed, DecidedAt: now, Entries: []payment.Entry{}}, p,
			"nothing else is left")
	}
	other := request
	other.Amount++ // the amount is no longer known
	for _, r := range []payment.Request{request, other} {
		p, err := s.Pay(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, payment.Declined, p.Status)
		assert.Equal(t, payment.ReasonRemoved, p.Reason)
		p, err = s.Void(t.Context(), r)
		require.NoError(t, err)
		assert.Equal(t, payment.Voided, p.Status, "a late void is done")
	}
}

func TestRemovalOfAnotherAmountIsAMismatch(t *testing.T) {
	s := service(&paymenttest.Store{}, true)
	_, err := s.Pay(t.Context(), request)
	require.NoError(t, err)
	other := request
	other.Amount++
	_, err = s.Remove(t.Context(), other)
	require.ErrorIs(t, err, payment.ErrMismatch)
}
