package orderactor

import (
	"context"
	"fmt"

	"orders/orders-actor/order"
)

// repair makes both stores hold the newest version, delivers an order that is due, sets the reminder of a confirmed order, and
// hands the payment or void to the Payer. It trusts neither the copy of this activation nor that payments-svc still has a
// void: each part may have been restored from a backup. It is idempotent, but a repetition reports fewer steps.
func (o *Order) repair(ctx context.Context, r order.Repair) (Result, error) {
	stored, exists, err := o.Store.Load(ctx, o.id)
	if err != nil {
		return Result{}, fmt.Errorf("load order %s: %w", o.id, err)
	}
	held, found, err := o.OrderDB.Find(ctx, o.id)
	if err != nil {
		return Result{}, fmt.Errorf("find order %s in the order database: %w", o.id, err)
	}
	if !exists && !found {
		return Result{}, order.NotFound()
	}
	restore := found && (!exists || held.Version > stored.Version)
	if exists && found && held.Version == stored.Version {
		same, err := order.SameVersion(held, stored)
		if err != nil {
			return Result{}, err
		}
		restore = !same
	}
	newest := stored
	if restore {
		newest = held
	}
	if newest.IsRemoved() {
		o.state, o.exists = newest, true
		if restore {
			err = o.restoreStore(ctx, held)
		} else {
			err = o.put(ctx)
		}
		if err != nil {
			return Result{}, err
		}
		return Result{}, order.NotFound()
	}
	if err := newest.CheckRepair(r); err != nil {
		return Result{}, err
	}
	var steps []order.RepairStep
	if restore {
		if err := o.restoreStore(ctx, held); err != nil {
			return Result{}, err
		}
		steps = append(steps, order.StateRestored)
	} else if !found || held.Version < stored.Version || held.VoidPending != stored.VoidPending {
		steps = append(steps, order.DatabaseUpdated)
	}
	o.state, o.exists, o.loaded = newest, true, true
	if !restore { // before a transition, so that the order database gets each version
		if err := o.put(ctx); err != nil {
			return Result{}, err
		}
	}

	next, due := newest.Deliver(o.Clock())
	if due {
		steps = append(steps, order.OrderDelivered)
	} else if newest.Status == order.Confirmed {
		if err := o.setReminder(ctx, newest); err != nil {
			return Result{}, err
		}
		steps = append(steps, order.ReminderSet)
	}
	result, err := o.finish(ctx, next, due)
	if err != nil {
		return Result{}, err
	}
	switch {
	case o.state.Status == order.Created:
		steps = append(steps, order.PaymentRequested)
	case o.state.Payment.Status == order.PaymentVoided:
		if !o.state.VoidPending { // otherwise finish has done so
			o.Payer.Void(o.state)
		}
		steps = append(steps, order.VoidRequested)
	}
	result.Repairs = steps
	return result, nil
}
