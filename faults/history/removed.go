package history

// removal returns the first acknowledged removal of an order.
func (e *evidence) removal() (Call, bool) {
	for _, call := range e.calls {
		if call.Op == Remove && call.Acknowledged() {
			return call, true
		}
	}
	return Call{}, false
}

// removed checks an order of which the order database has only a tombstone.
func (c *check) removed(id string, e *evidence) {
	switch p := c.stores.Payments[id]; {
	case p.Charges > 1:
		c.fail(ChargedOnce, id, "the order was charged %d times", p.Charges)
	case p.Status == "confirmed":
		c.fail(ChargedOnce, id, "the order was charged after its removal")
	case p.Status != "removed":
		c.fail(Converged, id, "the order was removed, and its payment in the ledger is %q", p.Status)
	}
	if s, ok := c.stores.Actors[id]; !ok || !s.IsRemoved() {
		c.fail(Converged, id, "the order was removed, and its actor has no tombstone (found: %t)", ok)
	}
	if n := len(e.feed); n == 0 || !e.feed[n-1].Order.Status.Final() {
		c.fail(CreateKept, id, "the order was removed before it was final")
	}
	c.final(id, e)
	removal, ok := e.removal()
	if !ok {
		return
	}
	for _, call := range e.calls {
		if call.Op != Remove && call.Acknowledged() && call.Sent.After(removal.Got) {
			c.fail(OneKeyOneOrder, id, "a %s after the removal was answered %d", call.Op, call.Status)
		}
	}
}
