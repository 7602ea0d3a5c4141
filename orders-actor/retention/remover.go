// Package retention removes orders: the old ones in the background, see Worker, and those of one customer, see Erase.
//
// An order is removed in three places, one after another: the ledger of payments-svc, the actor's state, the order database. In each
// a tombstone without personal data stays. So the order can be neither charged nor created again, whatever is repeated late, and a
// rebuild of the order database restores the tombstone, not the order. The order database comes last because it lists what is to be
// removed: a removal that stopped is repeated from its beginning, and each step may be repeated. See ADR 0811.
package retention

import (
	"context"
	"fmt"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/payer"
)

// Orders removes the state of an order from its actor and the order database, see orderactor.Client.
type Orders interface {
	Remove(ctx context.Context, c order.Remove) error
}

// Payments removes the payment of an order from the ledger, see payer.Client.
type Payments interface {
	Remove(ctx context.Context, p payer.Payment) error
}

// Remover removes orders. Its methods may be called concurrently.
type Remover struct {
	Orders   Orders
	Payments Payments
}

const timeout = 15 * time.Second // of the removal of one order

// Remove removes a final order. s is its state in the order database, which never changes again. If before is not zero, an order that
// became final at that time or later is refused. After an error it may be repeated.
func (r Remover) Remove(ctx context.Context, s order.State, before time.Time) error {
	if !s.Removable(before) {
		return fmt.Errorf("remove order %s: %s, or too recent", s.ID, s.Status)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.Payments.Remove(ctx, payer.Of(s)); err != nil {
		return err
	}
	if err := r.Orders.Remove(ctx, order.Remove{ID: s.ID, Before: before}); err != nil {
		return fmt.Errorf("remove order %s: %w", s.ID, err)
	}
	return nil
}
