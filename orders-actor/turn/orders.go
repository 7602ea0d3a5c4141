package turn

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"orders/orders-actor/actor"
	"orders/orders-actor/order"
)

// Orders sends commands to orders, wherever they are hosted. Its methods return *order.Refusal for what the order
// doesn't allow, *order.Invalid for bad input, and otherwise an error that wraps actor.ErrUnavailable: then nobody
// knows whether it was done, and a repeat is safe.
type Orders struct {
	Invoker Invoker
}

// Invoker carries a command to an actor and returns its reply, or an error that wraps actor.ErrUnavailable. In the product it
// is an actor.Invoker.
type Invoker interface {
	Invoke(ctx context.Context, id, method string, command any) ([]byte, error)
}

// Create makes an order, and reports whether an earlier request had made it.
func (o *Orders) Create(ctx context.Context, c order.Create) (_ order.Order, replayed bool, _ error) {
	c.Call = rand.Text()
	r, err := o.send(ctx, c.ID, methodCreate, c)
	return r.order(), r.Replayed, err
}

// Cancel ends an order, and reports whether it was this call that did.
func (o *Orders) Cancel(ctx context.Context, c order.Cancel) (_ order.Order, changed bool, _ error) {
	c.Call = rand.Text()
	r, err := o.send(ctx, c.ID, methodCancel, c)
	return r.order(), r.Changed, err
}

// Settle brings a payment's answer.
func (o *Orders) Settle(ctx context.Context, c order.Settle) error {
	_, err := o.send(ctx, c.ID, methodSettle, c)
	return err
}

// PaymentFailed notes that payments-svc has not decided.
func (o *Orders) PaymentFailed(ctx context.Context, c order.PaymentFailed) error {
	_, err := o.send(ctx, c.ID, methodFailed, c)
	return err
}

// Voided says that payments-svc knows of the void.
func (o *Orders) Voided(ctx context.Context, id string) error {
	_, err := o.send(ctx, id, methodVoided, struct{}{})
	return err
}

// Poke moves on an order that got stuck.
func (o *Orders) Poke(ctx context.Context, id string) error {
	_, err := o.send(ctx, id, methodPoke, struct{}{})
	return err
}

func (o *Orders) send(ctx context.Context, id, method string, command any) (r reply, _ error) {
	data, err := o.Invoker.Invoke(ctx, id, method, command)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %s %s: reply: %w", actor.ErrUnavailable, method, id, err)
	}
	switch {
	case r.Refusal != nil:
		return r, r.Refusal
	case r.Invalid != nil:
		return r, &order.Invalid{Fields: r.Invalid}
	case r.Order == nil:
		return r, fmt.Errorf("%w: %s %s: empty reply", actor.ErrUnavailable, method, id)
	}
	return r, nil
}

func (r reply) order() order.Order {
	if r.Order == nil {
		return order.Order{}
	}
	return *r.Order
}
