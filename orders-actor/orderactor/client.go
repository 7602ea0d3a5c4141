package orderactor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"orders/kit/actors"
	"orders/kit/telemetry"
	"orders/orders-actor/order"
)

// Client sends commands to orders, on whichever replica they are. Its methods return *order.Refusal when a business rule
// says no, *order.Invalid for invalid input, and otherwise an error that wraps actors.ErrUnavailable. After the latter it
// is unknown whether the command was executed; a retry is safe.
type Client struct {
	Invoker Invoker
}

// Invoker sends a command to an actor and returns the reply, or an error that wraps actors.ErrUnavailable. Outside of
// tests it is an actors.Invoker.
type Invoker interface {
	Invoke(ctx context.Context, id, method string, command any) ([]byte, error)
}

// Create creates an order, and reports whether an earlier request had created it. A replica of an earlier release would ignore
// the customer and the refused fields, so such a create has a command of its own, which that replica does not have.
func (c *Client) Create(ctx context.Context, cmd order.Create) (_ order.Order, replayed bool, _ error) {
	cmd.Call, cmd.Trace = rand.Text(), telemetry.Traceparent(ctx)
	if cmd.Customer == "" && cmd.Refused == nil {
		r, err := send(ctx, c, create, cmd.ID, cmd)
		return r.Order, r.Replayed, err
	}
	r, err := send(ctx, c, createFor, cmd.ID, cmd)
	if refusal, ok := errors.AsType[*order.Refusal](err); ok && refusal.Detail == noSuchCommand {
		err = fmt.Errorf("%w: %s order %s: a replica of an earlier release runs it", actors.ErrUnavailable, createFor, cmd.ID)
	}
	return r.Order, r.Replayed, err
}

// Cancel cancels an order, and reports whether this call changed it.
func (c *Client) Cancel(ctx context.Context, cmd order.Cancel) (_ order.Order, changed bool, _ error) {
	cmd.Call = rand.Text()
	r, err := send(ctx, c, cancel, cmd.ID, cmd)
	return r.Order, r.Changed, err
}

// Settle reports the decision of a payment.
func (c *Client) Settle(ctx context.Context, cmd order.Settle) error {
	_, err := send(ctx, c, settle, cmd.ID, cmd)
	return err
}

// PaymentFailed reports failed calls to payments-svc.
func (c *Client) PaymentFailed(ctx context.Context, cmd order.PaymentFailed) error {
	_, err := send(ctx, c, paymentFailed, cmd.ID, cmd)
	return err
}

// Voided reports that payments-svc has stored the void.
func (c *Client) Voided(ctx context.Context, id string) error {
	_, err := send(ctx, c, voided, id, order.Voided{})
	return err
}

// Resume makes an order continue that is stuck.
func (c *Client) Resume(ctx context.Context, id string) error {
	_, err := send(ctx, c, resume, id, order.Resume{})
	return err
}

// Repair makes an order repair what was lost outside of it, and returns the order and what it did. A replica of a release
// without repairs only resumes the order and returns no steps.
func (c *Client) Repair(ctx context.Context, id string, repair order.Repair) (order.Order, []order.RepairStep, error) {
	r, err := send(ctx, c, resume, id, order.Resume{Repair: &repair})
	return r.Order, r.Repairs, err
}

// Inspect returns what an order's actor stores. It changes nothing.
func (c *Client) Inspect(ctx context.Context, id string) (Inspection, error) {
	r, err := send(ctx, c, inspect, id, inspectCommand{})
	if err != nil {
		return Inspection{}, err
	}
	if r.Inspection == nil {
		return Inspection{}, fmt.Errorf("%w: %s order %s: empty reply", actors.ErrUnavailable, inspect, id)
	}
	return *r.Inspection, nil
}

// Remove removes an order that is final. Its payment must be removed before, see package retention.
func (c *Client) Remove(ctx context.Context, cmd order.Remove) error {
	_, err := send(ctx, c, remove, cmd.ID, cmd)
	return err
}

func send[C any](ctx context.Context, c *Client, n name[C], id string, command C) (Result, error) {
	data, err := c.Invoker.Invoke(ctx, id, string(n), command)
	if err != nil {
		return Result{}, err
	}
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return Result{}, fmt.Errorf("%w: %s order %s: decode reply: %w", actors.ErrUnavailable, n, id, err)
	}
	switch {
	case r.Refusal != nil:
		return Result{}, r.Refusal
	case r.Invalid != nil:
		return Result{}, &order.Invalid{Fields: r.Invalid}
	case r.Order.ID == "" && r.Inspection == nil:
		return Result{}, fmt.Errorf("%w: %s order %s: empty reply", actors.ErrUnavailable, n, id)
	}
	return r.Result, nil
}
