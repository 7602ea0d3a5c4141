package history

import "orders/orders-actor/order"

// charged checks that the ledger agrees with the order.
func (c *check) charged(id string, o order.Order) {
	c.checked[ChargedOnce]++
	p, found := c.stores.Payments[id]
	switch {
	case p.Charges > 1:
		c.fail(ChargedOnce, id, "the order was charged %d times", p.Charges)
	case p.Status == "confirmed" && (p.Amount != o.Total || p.Currency != o.Currency):
		c.fail(ChargedOnce, id, "the charge is %d %s instead of %d %s", p.Amount, p.Currency, o.Total, o.Currency)
	case (o.Status == order.Confirmed || o.Status == order.Delivered) && p.Status != "confirmed":
		c.fail(ChargedOnce, id, "the order is %s, and its payment in the ledger is %q (found: %t)", o.Status, p.Status, found)
	}
}

// voided checks that the payment of a cancelled order is void.
func (c *check) voided(id string, o order.Order) {
	if o.Status != order.Cancelled {
		return
	}
	c.checked[VoidArrives]++
	p, found := c.stores.Payments[id]
	byUser := o.Cancellation == nil || o.Cancellation.By != order.ByPayment
	switch {
	case p.Status == "confirmed":
		c.fail(VoidArrives, id, "the order is cancelled, and its payment is not voided")
	case byUser && p.Status != "voided":
		c.fail(VoidArrives, id, "the order was cancelled by the user, and its payment in the ledger is %q (found: %t)", p.Status, found)
	case c.stores.Actors[id].VoidPending:
		c.fail(VoidArrives, id, "the void is still pending")
	}
}
