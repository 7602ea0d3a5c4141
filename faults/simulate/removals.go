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
	for range 2 + w.choices.IntN(8) {
		w.clock.after(time.Duration(w.choices.IntN(60_000))*time.Millisecond, func() {
			if alive := w.alive(); len(alive) > 0 {
				w.clock.spawn(alive[w.choices.IntN(len(alive))], 0, w.remove)
			}
		})
	}
}

// remove removes one of the final orders that the order database lists.
func (w *world) remove(*proc) {
	var found []order.State
	err := w.step("list final orders", func() {
		for _, id := range w.orderDB.ids {
			if s := w.orderDB.states[id]; s.Removable(time.Time{}) {
				found = append(found, s.Clone())
			}
		}
	})
	if err != nil || len(found) == 0 {
		return
	}
	s := found[w.choices.IntN(len(found))]
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
	call := history.Call{Op: history.Remove, Client: "system", Order: s.ID, Sent: w.clock.time()}
	if (retention.Remover{Orders: w.orders, Payments: removals{w.ledger}}).Remove(context.Background(), s, time.Time{}) != nil {
		return false
	}
	call.Got, call.Status = w.clock.time(), 200
	w.recorder.Call(call)
	w.Removals++
	return true
}

// removals implements retention.Payments.
type removals struct{ *ledger }

func (r removals) Remove(_ context.Context, p payer.Payment) error {
	_, err := r.call(r.service.Remove, p)
	return err
}
