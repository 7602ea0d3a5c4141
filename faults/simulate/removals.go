package simulate

import (
	"context"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
	"orders/orders-actor/payer"
	"orders/orders-actor/retention"
	"orders/payments-svc/payment"
)

// scheduleRemovals makes replicas remove final orders at random times, as the worker and the erasure of a customer do. A removal that
// stops is repeated by a later one.
func (w *world) scheduleRemovals() {
	for range 2 + w.IntN(8) {
		w.After(time.Duration(w.IntN(60_000))*time.Millisecond, func() {
			if alive := w.Alive(); len(alive) > 0 {
				alive[w.IntN(len(alive))].Go(0, w.remove)
			}
		})
	}
}

// remove removes one of the final orders that the order database lists.
func (w *world) remove() {
	var found []order.State
	err := w.Step("list final orders", func() {
		for _, id := range w.orderDB.ids {
			if s := w.orderDB.states[id]; s.Removable(time.Time{}) {
				found = append(found, s.Clone())
			}
		}
	})
	if err != nil || len(found) == 0 {
		return
	}
	s := found[w.IntN(len(found))]
	w.removeOrder(s)
}

// finishRemoval repeats the removal of an order that has stopped after its first step.
func (w *world) finishRemoval(id string) {
	e, s := w.ledger.entries[id], w.orderDB.states[id]
	if e == nil || e.payment.Status != payment.Removed {
		return
	}
	for range 3 { // a turn that finds a conflict fails
		if s.Removable(time.Time{}) && w.removeOrder(s.Clone()) {
			return
		}
	}
}

// removeOrder reports whether it removed the order.
func (w *world) removeOrder(s order.State) bool {
	call := history.Call{Op: history.Remove, Client: "system", Order: s.ID, Sent: w.Now()}
	if (retention.Remover{Orders: w.orders, Payments: removals{w.ledger}}).Remove(context.Background(), s, time.Time{}) != nil {
		return false
	}
	call.Got, call.Status = w.Now(), 200
	w.recorder.Call(call)
	w.counters.Removals++
	return true
}

// removals implements retention.Payments.
type removals struct{ *ledger }

func (r removals) Remove(_ context.Context, p payer.Payment) error {
	_, err := r.call(r.service.Remove, p)
	return err
}
