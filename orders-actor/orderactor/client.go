package orderactor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"orders/kit/actors"
	"orders/orders-actor/order"
)

// Client sends commands to orders, wherever they are hosted. Its methods return *order.Refusal for what the order
// doesn't allow, *order.Invalid for bad input, and otherwise an error that wraps actors.ErrUnavailable: then nobody
// knows whether it was done, and a repeat is safe.
type Client struct {
	Invoker Invoker
}

// Invoker carries a command to an actor and returns its reply, or an error that wraps actors.ErrUnavailable. In the product it
// is an actors.Invoker.
type Invoker interface {
	Invoke(ctx context.Context, id, method string, command any) ([]byte, error)
}

// Create makes an order, and reports whether an earlier request had made it.
func (c *Client) Create(ctx context.Context, cmd order.Create) (_ order.Order, replayed bool, _ error) {
	cmd.Call = rand.Text()
	r, err := c.send(ctx, cmd.ID, methodCreate, cmd)
	return r.order(), r.Replayed, err
}

// Cancel ends an order, and reports whether it was this call that did.
func (c *Client) Cancel(ctx context.Context, cmd order.Cancel) (_ order.Order, changed bool, _ error) {
	cmd.Call = rand.Text()
	r, err := c.send(ctx, cmd.ID, methodCancel, cmd)
	return r.order(), r.Changed, err
}

// Settle brings a payment's answer.
func (c *Client) Settle(ctx context.Context, cmd order.Settle) error {
	_, err := c.send(ctx, cmd.ID, methodSettle, cmd)
	return err
}

// PaymentFailed notes that payments-svc has not decided.
func (c *Client) PaymentFailed(ctx context.Context, cmd order.PaymentFailed) error {
	_, err := c.send(ctx, cmd.ID, methodFailed, cmd)
	return err
}

// Voided says that payments-svc knows of the void.
func (c *Client) Voided(ctx context.Context, id string) error {
	_, err := c.send(ctx, id, methodVoided, struct{}{})
	return err
}

// Poke moves on an order that got stuck.
func (c *Client) Poke(ctx context.Context, id string) error {
	_, err := c.send(ctx, id, methodPoke, struct{}{})
	return err
}

func (c *Client) send(ctx context.Context, id, method string, command any) (r reply, _ error) {
	data, err := c.Invoker.Invoke(ctx, id, method, command)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %s %s: reply: %w", actors.ErrUnavailable, method, id, err)
	}
	switch {
	case r.Refusal != nil:
		return r, r.Refusal
	case r.Invalid != nil:
		return r, &order.Invalid{Fields: r.Invalid}
	case r.Order == nil:
		return r, fmt.Errorf("%w: %s %s: empty reply", actors.ErrUnavailable, method, id)
	}
	return r, nil
}

func (r reply) order() order.Order {
	if r.Order == nil {
		return order.Order{}
	}
	return *r.Order
}
