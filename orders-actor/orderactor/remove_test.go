package orderactor_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

// removedWorld has a delivered order that was removed.
func removedWorld(t *testing.T) *world {
	t.Helper()
	created, err := order.New(tea, noon)
	require.NoError(t, err)
	confirmed, _ := created.Settle(order.Settle{ID: id, Confirmed: true}, noon, deliverAfter)
	delivered, ok := confirmed.Deliver(noon.Add(deliverAfter))
	require.True(t, ok)
	w := newWorld()
	w.now, w.stored, w.database = noon.Add(time.Hour), &delivered, &delivered
	_, err = w.activate().Remove(t.Context(), order.Remove{ID: id})
	require.NoError(t, err)
	require.True(t, w.stored.IsRemoved())
	require.True(t, w.database.IsRemoved())
	return w
}

// No command brings a removed order back, whether the store has the tombstone, has lost it, or has an older state.
func TestRemovedOrderStaysRemoved(t *testing.T) {
	created, err := order.New(tea, noon)
	require.NoError(t, err)
	commands := map[string]struct {
		run  func(ctx context.Context, o *orderactor.Order) error
		code order.Code
	}{
		"create": {func(ctx context.Context, o *orderactor.Order) error { _, err := o.Create(ctx, tea); return err }, order.OrderRemoved},
		"create with a new id": {func(ctx context.Context, o *orderactor.Order) error {
			_, err := o.Create(ctx, teaWithNewID)
			return err
		}, order.OrderRemoved},
		"cancel": {func(ctx context.Context, o *orderactor.Order) error { _, err := o.Cancel(ctx, cancelTea); return err }, order.OrderNotFound},
		"settle": {func(ctx context.Context, o *orderactor.Order) error {
			_, err := o.Settle(ctx, order.Settle{ID: id, Confirmed: true})
			return err
		}, order.OrderNotFound},
		"voided": {func(ctx context.Context, o *orderactor.Order) error {
			_, err := o.Voided(ctx, order.Voided{})
			return err
		}, order.OrderNotFound},
		"resume": {func(ctx context.Context, o *orderactor.Order) error {
			_, err := o.Resume(ctx, order.Resume{})
			return err
		}, order.OrderNotFound},
		"repair": {func(ctx context.Context, o *orderactor.Order) error {
			_, err := o.Resume(ctx, order.Resume{Repair: &order.Repair{}})
			return err
		}, order.OrderNotFound},
	}
	for name, c := range commands {
		for given, store := range map[string]*order.State{"the tombstone": nil, "nothing": {}, "an older state": &created} {
			t.Run(name+", and the store has "+given, func(t *testing.T) {
				w := removedWorld(t)
				tombstone := *w.database
				switch given {
				case "nothing":
					w.stored = nil
				case "an older state":
					older := store.Clone()
					w.stored = &older
				}
				var err error
				for range 2 { // a turn that finds a conflict fails, and is repeated
					if err = c.run(t.Context(), w.activate()); err == nil {
						break
					}
				}
				var refusal *order.Refusal
				require.ErrorAs(t, err, &refusal)
				assert.Equal(t, c.code, refusal.Code)
				assert.Equal(t, &tombstone, w.stored)
				assert.Equal(t, &tombstone, w.database)
				assert.Zero(t, w.pays+w.voids)
			})
		}
	}
}

func TestRunningOrderIsNotRemoved(t *testing.T) {
	created, err := order.New(tea, noon)
	require.NoError(t, err)
	w := newWorld()
	w.stored, w.database = &created, &created
	_, err = w.activate().Remove(t.Context(), order.Remove{ID: id})
	var refusal *order.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, order.NotRemovable, refusal.Code)
	assert.Equal(t, &created, w.stored)
}
