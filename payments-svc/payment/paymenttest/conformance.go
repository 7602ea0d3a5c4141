package paymenttest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/payments-svc/payment"
)

// TestStore checks that a store conforms to payment.Store. It stores payments of new orders.
func TestStore(t *testing.T, store payment.Store) {
	newRequest := func() payment.Request {
		return payment.Request{OrderID: uuid.NewString(), Amount: 900, Currency: "EUR"}
	}
	pay := func(t *testing.T, r payment.Request) payment.Payment {
		t.Helper()
		p, _, err := payment.Payment{}.Pay(r, time.Now(), func() bool { return true })
		require.NoError(t, err)
		return p
	}

	t.Run("load of an unknown order returns zero values", func(t *testing.T) {
		p, version, err := store.Load(t.Context(), newRequest().OrderID)
		require.NoError(t, err)
		require.Empty(t, p)
		require.Empty(t, version)
	})

	t.Run("load returns what was saved", func(t *testing.T) {
		paid := pay(t, newRequest())
		require.NoError(t, store.Save(t.Context(), paid, ""))
		got, version, err := store.Load(t.Context(), paid.OrderID)
		require.NoError(t, err)
		require.Equal(t, paid, got)
		require.NotEmpty(t, version)
	})

	t.Run("insert of an existing payment is a conflict", func(t *testing.T) {
		paid := pay(t, newRequest())
		require.NoError(t, store.Save(t.Context(), paid, ""))
		require.ErrorIs(t, store.Save(t.Context(), paid, ""), payment.ErrConflict)
	})

	t.Run("update from an old version is a conflict", func(t *testing.T) {
		r := newRequest()
		paid := pay(t, r)
		require.NoError(t, store.Save(t.Context(), paid, ""))
		_, version, err := store.Load(t.Context(), r.OrderID)
		require.NoError(t, err)
		voided, _, err := paid.Void(r, time.Now())
		require.NoError(t, err)
		require.NoError(t, store.Save(t.Context(), voided, version))
		require.ErrorIs(t, store.Save(t.Context(), paid, version), payment.ErrConflict)
		got, _, err := store.Load(t.Context(), r.OrderID)
		require.NoError(t, err)
		require.Equal(t, voided, got)
	})

	t.Run("one of several concurrent inserts succeeds", func(t *testing.T) {
		r := newRequest()
		const callers = 16
		statuses := make(chan payment.Status, callers)
		var all sync.WaitGroup
		for i := range callers {
			s := payment.Service{Store: store, Confirm: func() bool { return i%2 == 0 }, Now: time.Now}
			all.Go(func() {
				p, err := s.Pay(t.Context(), r)
				assert.NoError(t, err)
				statuses <- p.Status
			})
		}
		all.Wait()
		first := <-statuses
		for range callers - 1 {
			require.Equal(t, first, <-statuses, "all callers must get the same decision")
		}
	})
}
