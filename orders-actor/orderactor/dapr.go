package orderactor

import (
	"context"
	"time"

	"orders/kit/actors"
	"orders/orders-actor/order"
)

// StateKey is the key under which an actor stores its whole state.
const StateKey = "order"

// Dapr implements Store and Reminders with the sidecar.
type Dapr struct {
	Sidecar *actors.Sidecar
	Clock   func() time.Time
}

// Load implements Store.
func (d Dapr) Load(ctx context.Context, id string) (s order.State, exists bool, err error) {
	exists, err = d.Sidecar.Load(ctx, Type, id, StateKey, &s)
	return s, exists, err
}

// Save implements Store.
func (d Dapr) Save(ctx context.Context, s order.State) error {
	return d.Sidecar.Save(ctx, Type, s.ID, StateKey, s)
}

// Set implements Reminders.
func (d Dapr) Set(ctx context.Context, id string, due time.Time) error {
	return d.Sidecar.SetReminder(ctx, Type, id, reminderDeliver, due.Sub(d.Clock()))
}

// Remove implements Reminders.
func (d Dapr) Remove(ctx context.Context, id, name string) error {
	return d.Sidecar.CancelReminder(ctx, Type, id, name)
}

// Due returns when the reminder of an order fires. It reports false if none is set. See actors.Sidecar.Reminder.
func (d Dapr) Due(ctx context.Context, id string) (due time.Time, set bool, _ error) {
	return d.Sidecar.Reminder(ctx, Type, id, reminderDeliver)
}
