package orderactor

import (
	"context"

	"orders/orders-actor/order"
)

// Remove replaces a final order by its tombstone, first in the store and then in the order database. It may be repeated. The order
// database lists what is to be removed, so a turn that stops between the two is repeated. From then on the order database rejects
// what another host may still put of the order, which restores the tombstone in the store.
func (o *Order) Remove(ctx context.Context, c order.Remove) (Result, error) {
	if err := o.loadOrRestore(ctx); err != nil {
		return Result{}, err
	}
	if !o.exists {
		return Result{}, order.NotFound()
	}
	next, changed, err := o.state.Remove(c, o.Clock())
	if err != nil {
		return Result{}, err
	}
	if changed {
		if err := o.save(ctx, next); err != nil {
			return Result{}, err
		}
	}
	return Result{Order: next.Order}, o.put(ctx)
}
