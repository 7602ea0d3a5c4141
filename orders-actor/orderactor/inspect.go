package orderactor

import (
	"context"
	"fmt"

	"orders/orders-actor/order"
)

// Inspection is what the state store has of an order, and what the replica that hosts it is doing for it.
type Inspection struct {
	Stored bool        `json:"stored,omitempty"` // the store has a state
	State  order.State `json:"state,omitzero"`
	Host   string      `json:"host"`
	Jobs   []order.Job `json:"jobs,omitempty"` // the pending payment or void
}

type inspectCommand struct{}

// Inspect reads the state from the store, not the copy of this activation. Unlike the other turns it neither puts nor restores
// anything, so that it reports what was lost.
func (o *Order) Inspect(ctx context.Context, _ inspectCommand) (Result, error) {
	s, stored, err := o.Store.Load(ctx, o.id)
	if err != nil {
		return Result{}, fmt.Errorf("load order %s: %w", o.id, err)
	}
	i := Inspection{Stored: stored, State: s, Host: o.Host}
	if o.Jobs != nil {
		for _, job := range o.Jobs(o.id) {
			if job.State != order.JobFailed || job.Void && s.VoidPending || !job.Void && s.Status == order.Created {
				i.Jobs = append(i.Jobs, job)
			}
		}
	}
	return Result{Inspection: &i}, nil
}
