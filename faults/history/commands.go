package history

import (
	"cmp"
	"slices"

	"orders/orders-actor/order"
)

// missing checks an order that the order database doesn't have.
func (c *check) missing(id string, e *evidence) {
	if p, ok := c.stores.Payments[id]; ok && (p.Charges > 0 || p.Status == "confirmed") {
		c.fail(ChargedOnce, id, "there was a charge for an order that does not exist")
	}
	for _, call := range e.calls {
		if call.Acknowledged() {
			c.checked[CreateKept]++
			c.fail(CreateKept, id, "a %s was answered %d, and the order does not exist", call.Op, call.Status)
			return
		}
	}
	for _, seen := range e.observations {
		// A create that stopped between the actor's save and the order database, and was not retried, leaves an actor state that
		// was never acknowledged, is never charged and never read.
		if seen.where == actor && seen.order.Version == 1 {
			continue
		}
		c.fail(Converged, id, "%s shows an order that the order database does not have", seen.where)
		return
	}
}

// created checks that the order has the content of its acknowledged create.
func (c *check) created(id string, e *evidence, o order.Order) {
	for _, call := range e.calls {
		if call.Op != Create || !call.Acknowledged() {
			continue
		}
		c.checked[CreateKept]++
		if o.Customer != cmp.Or(call.Customer, call.Client) || o.Currency != call.Currency || !slices.Equal(o.Items, call.Items) {
			c.fail(CreateKept, id, "the order differs from the create")
			return
		}
		if who := causedBy(o, "created"); who != "" && who != call.Client {
			c.fail(CreateKept, id, "%s created the order, and the history names %s", call.Client, who)
		}
	}
	if s, ok := c.stores.Actors[id]; !ok {
		c.fail(CreateKept, id, "the actor has no state")
	} else if !slices.Equal(s.Items, o.Items) {
		c.fail(CreateKept, id, "the actor has another order")
	}
}

// causedBy returns the user whom the history names for a cause, or "". Releases before schema 2 store no users.
func causedBy(o order.Order, cause order.Event) string {
	for _, e := range o.History {
		if e.Cause == string(cause) {
			return e.User
		}
	}
	return ""
}

// cancelled checks that the order's status agrees with the replies to its cancels.
func (c *check) cancelled(id string, e *evidence, o order.Order) {
	var acknowledged, refused bool
	changed := 0
	for _, call := range e.calls {
		if call.Op == Cancel {
			if call.Changed {
				changed++
				if who := causedBy(o, order.CancelRequested); who != "" && who != call.Client {
					c.fail(CancelKept, id, "%s cancelled the order, and the history names %s", call.Client, who)
				}
			}
			acknowledged = acknowledged || call.Acknowledged()
			refused = refused || call.Code == string(order.AlreadyDelivered)
			if call.Acknowledged() || call.Code == string(order.AlreadyDelivered) {
				c.checked[CancelKept]++
			}
		}
	}
	if changed > 1 {
		c.fail(CancelKept, id, "the replies to %d cancels say that they cancelled the order", changed)
	}
	switch {
	case acknowledged && refused:
		c.fail(CancelKept, id, "a cancel was acknowledged and another one refused because the order was delivered")
	case refused && o.Status != order.Delivered:
		c.fail(CancelKept, id, "a cancel was refused because the order was delivered, and the order is %s", o.Status)
	case acknowledged:
		for _, seen := range e.observations {
			if seen.order.Status == order.Delivered {
				c.fail(CancelKept, id, "a cancel was acknowledged and %s shows version %d delivered", seen.where, seen.order.Version)
				return
			}
		}
		if o.Status != order.Cancelled {
			c.fail(CancelKept, id, "a cancel was acknowledged and the order is %s", o.Status)
		}
	}
}

// visible checks that reads show the creates and cancels that were acknowledged before they were sent.
func (c *check) visible(id string, e *evidence) {
	for _, read := range e.calls {
		if read.Op != Read {
			continue
		}
		c.checked[Converged]++
		for _, write := range e.calls {
			if write.Op == Read || !write.Acknowledged() || !read.Sent.After(write.Got) {
				continue
			}
			if read.Status == 404 {
				c.fail(Converged, id, "a read after an acknowledged %s was answered 404", write.Op)
				return
			}
			if read.Reply != nil && write.Reply != nil && read.Reply.Version < write.Reply.Version {
				c.fail(Converged, id, "a read after an acknowledged %s of version %d showed version %d",
					write.Op, write.Reply.Version, read.Reply.Version)
				return
			}
		}
	}
}

// keys checks that each idempotency key created one order, and each call without a key at most one.
func (c *check) keys() {
	type key struct{ client, key string }
	first := make(map[key]Call) // the first acknowledged create of each key
	allowed := make(map[string]int)
	skus := make(map[key]string)
	for _, call := range c.history.Calls {
		if call.Op != Create || len(call.Items) == 0 {
			continue
		}
		sku, k := call.Items[0].SKU, key{call.Client, call.Key}
		switch {
		case call.Key == "":
			allowed[sku]++
		case skus[k] != sku: // with another body the same key still creates one order
			skus[k] = sku
			allowed[sku] = 1
		}
		if call.Key == "" || !call.Acknowledged() {
			continue
		}
		c.checked[OneKeyOneOrder]++
		was, seen := first[k]
		switch {
		case !seen:
			first[k] = call
		case !was.Replayed && !call.Replayed && was.Order == call.Order:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q: the replies to two creates say that they created the order", call.Client, call.Key)
		case was.Order != call.Order:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q created order %s and this one", call.Client, call.Key, was.Order)
		case !slices.Equal(was.Items, call.Items) || was.Currency != call.Currency || was.Customer != call.Customer:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q was accepted with two bodies", call.Client, call.Key)
		}
	}
	created := make(map[string]int)
	for _, id := range c.ids() {
		o, ok := c.stores.Orders[id]
		if !ok || len(o.Items) == 0 {
			continue
		}
		sku := o.Items[0].SKU
		if created[sku]++; created[sku] == allowed[sku]+1 {
			c.fail(OneKeyOneOrder, id, "%d orders have %s, which was ordered %d times", created[sku], sku, allowed[sku])
		}
	}
}
