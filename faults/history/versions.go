package history

import (
	"fmt"
	"slices"
	"time"

	"orders/orders-actor/order"
)

// final checks that no order changes after it was final.
func (c *check) final(id string, e *evidence) {
	if slices.ContainsFunc(e.observations, func(seen observation) bool { return seen.order.Status.Final() }) {
		c.checked[FinalIsFinal]++
	}
	for _, done := range e.observations {
		if !done.order.Status.Final() {
			continue
		}
		for _, seen := range e.observations {
			if seen.order.Version >= done.order.Version && seen.order.Status != done.order.Status {
				c.fail(FinalIsFinal, id, "%s shows version %d %s, %s shows version %d %s",
					done.where, done.order.Version, done.order.Status, seen.where, seen.order.Version, seen.order.Status)
				return
			}
			if seen.order.Version > done.order.Version {
				c.fail(FinalIsFinal, id, "%s at version %d and again at version %d",
					done.order.Status, done.order.Version, seen.order.Version)
				return
			}
		}
	}
}

// inTime checks that the order is final in time and was not delivered before it was due.
func (c *check) inTime(id string, o order.Order) {
	c.checked[FinalInTime]++
	limit := c.stores.MaxLateness
	switch age := c.stores.At.Sub(o.UpdatedAt); {
	case o.Status == order.Created && age > limit:
		c.fail(FinalInTime, id, "still created after %s", age)
	case o.Status == order.Confirmed && o.DeliverAt == nil:
		c.fail(FinalInTime, id, "confirmed without a due time")
	case o.Status == order.Confirmed && c.stores.At.Sub(*o.DeliverAt) > limit:
		c.fail(FinalInTime, id, "still confirmed %s after it was due", c.stores.At.Sub(*o.DeliverAt))
	case o.Status != order.Delivered:
	case o.DeliverAt == nil:
		c.fail(FinalInTime, id, "delivered without a due time")
	case o.UpdatedAt.Before(*o.DeliverAt):
		c.fail(FinalInTime, id, "delivered %s before it was due", o.DeliverAt.Sub(o.UpdatedAt))
	case o.UpdatedAt.Sub(*o.DeliverAt) > limit:
		c.fail(FinalInTime, id, "delivered %s after it was due", o.UpdatedAt.Sub(*o.DeliverAt))
	}
}

// versions checks that the versions have no gaps and that each has the same content everywhere.
func (c *check) versions(id string, e *evidence, o order.Order) {
	if detail := badHistory(o); detail != "" {
		c.fail(NoGaps, id, "%s: %s", orderDB, detail)
		return
	}
	if s, ok := c.stores.Actors[id]; ok {
		if detail := badHistory(s.Order); detail != "" {
			c.fail(NoGaps, id, "%s: %s", actor, detail)
			return
		}
	}
	for _, seen := range e.observations {
		if seen.order.Version < 1 || seen.order.Version > o.Version {
			continue // converged reports versions that the order database doesn't have
		}
		c.checked[NoGaps]++
		if was := o.History[seen.order.Version-1]; was.Status != seen.order.Status || !was.At.Equal(seen.order.UpdatedAt) {
			c.fail(NoGaps, id, "%s shows version %d as %s at %s, the history in the order database as %s at %s", seen.where,
				seen.order.Version, seen.order.Status, clock(seen.order.UpdatedAt), was.Status, clock(was.At))
			return
		}
	}
	for i, entry := range e.feed {
		if entry.Order.Version != i+1 {
			c.fail(NoGaps, id, "the event log goes from version %d to %d", i, entry.Order.Version)
			return
		}
	}
}

// badHistory returns how the order's own history violates the state machine, or "".
func badHistory(o order.Order) string {
	if o.Version != len(o.History) || o.Version == 0 {
		return fmt.Sprintf("version %d with %d entries of history", o.Version, len(o.History))
	}
	if o.History[0].Status != order.Created {
		return fmt.Sprintf("the first status is %s", o.History[0].Status)
	}
	for i, entry := range o.History {
		if entry.Version != i+1 {
			return fmt.Sprintf("entry %d of the history is version %d", i+1, entry.Version)
		}
		if i == 0 {
			continue
		}
		before := o.History[i-1]
		if to, ok := before.Status.Next(order.Event(entry.Cause)); !ok || to != entry.Status {
			return fmt.Sprintf("the state machine has no transition from %s by %s to %s", before.Status, entry.Cause, entry.Status)
		}
		if entry.At.Before(before.At) {
			return fmt.Sprintf("version %d is older than version %d", entry.Version, before.Version)
		}
	}
	if last := o.History[len(o.History)-1]; last.Status != o.Status {
		return fmt.Sprintf("the order is %s and its history ends with %s", o.Status, last.Status)
	}
	return ""
}

// converged checks that the actor, the list and the event log end with the version in the order database.
func (c *check) converged(id string, e *evidence, o order.Order) {
	differs := func(where string, other order.Order, ok bool) bool {
		c.checked[Converged]++
		switch {
		case !ok:
			c.fail(Converged, id, "%s does not have the order", where)
		case other.Version != o.Version || other.Status != o.Status || !samePayment(other, o) || !sameTime(other.DeliverAt, o.DeliverAt):
			c.fail(Converged, id, "%s ends with version %d %s, payment %s; the order database with version %d %s, payment %s", where,
				other.Version, other.Status, other.Payment.Status, o.Version, o.Status, o.Payment.Status)
		default:
			return false
		}
		return true
	}
	if s, ok := c.stores.Actors[id]; ok && differs(actor, s.Order, true) { // created reports an actor without state
		return
	}
	if listed, ok := c.stores.Listed[id]; differs(theList, listed, ok) {
		return
	}
	var last order.Order
	if n := len(e.feed); n > 0 {
		last = e.feed[n-1].Order
	}
	if differs(eventLog, last, len(e.feed) > 0) {
		return
	}
	for _, seen := range e.observations {
		if seen.order.Version > o.Version {
			c.fail(Converged, id, "%s showed version %d, the order database ends with version %d", seen.where, seen.order.Version, o.Version)
			return
		}
	}
}

// samePayment ignores the notes about failed calls of a pending payment, which may change without a new version.
func samePayment(a, b order.Order) bool {
	return order.State{Order: a}.WithoutNotes().Payment == order.State{Order: b}.WithoutNotes().Payment
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
