package orderactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"orders/kit/actors"
	"orders/orders-actor/order"
)

// Type is the actor's type.
const Type = "Order"

// The actor's methods and its reminder.
const (
	methodCreate = "create"
	methodSettle = "settle"
	methodCancel = "cancel"
	methodVoided = "voided"
	methodPoke   = "poke"
	methodFailed = "payment-failed"

	reminderDeliver = "deliver"
)

// Turns are the names that the host calls turns by: the methods and the reminder.
var Turns = []string{methodCreate, methodSettle, methodCancel, methodVoided, methodPoke, methodFailed, "reminder " + reminderDeliver}

// reply is what travels back from a turn. What the business refuses travels in here: a failed invocation means that
// nobody knows what happened.
type reply struct {
	Order    *order.Order       `json:"order,omitempty"`
	Replayed bool               `json:"replayed,omitempty"`
	Changed  bool               `json:"changed,omitempty"`
	Refusal  *order.Refusal     `json:"refusal,omitempty"`
	Invalid  []order.FieldError `json:"invalid,omitempty"`
}

// Activator makes the actors of a host. Commands that were not sealed with one of its keys fail.
func Activator(o *Options, seal actors.Seal, log *slog.Logger) func(id string) actors.Actor {
	return func(id string) actors.Actor {
		return &hosted{Order: New(o, id), seal: seal, log: log}
	}
}

// hosted is an Order as the host sees it: bytes in, bytes out.
type hosted struct {
	*Order
	seal actors.Seal
	log  *slog.Logger
}

// Invoke fails when the command does not open. That is never a refusal: during a rotation of keys the caller may be a
// replica of ours whose key this one does not know yet, and its next try may reach another replica.
func (h *hosted) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	command, answer, err := h.seal.Open(method, h.id, body)
	if err != nil {
		return nil, fmt.Errorf("open command %s: %w", method, err)
	}
	var out reply
	o, err := h.dispatch(ctx, method, command, &out)
	var invalid *order.Invalid
	switch {
	case errors.As(err, &out.Refusal):
	case errors.As(err, &invalid):
		out.Invalid = invalid.Fields
	case err != nil:
		return nil, err
	default:
		out.Order = &o
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("reply to %s: %w", method, err)
	}
	return answer(data), nil
}

func (h *hosted) dispatch(ctx context.Context, method string, command json.RawMessage, out *reply) (o order.Order, err error) {
	if !validID(h.id) {
		return o, order.NotFound()
	}
	switch method {
	case methodCreate:
		c, err := decode[order.Create](command, h.id)
		if err == nil {
			o, out.Replayed, err = h.Create(ctx, c)
		}
		return o, err
	case methodSettle:
		c, err := decode[order.Settle](command, h.id)
		if err == nil {
			o, err = h.Settle(ctx, c)
		}
		return o, err
	case methodCancel:
		c, err := decode[order.Cancel](command, h.id)
		if err == nil {
			o, out.Changed, err = h.Cancel(ctx, c)
		}
		return o, err
	case methodFailed:
		c, err := decode[order.PaymentFailed](command, h.id)
		if err == nil {
			o, err = h.PaymentFailed(ctx, c)
		}
		return o, err
	case methodVoided:
		return h.Voided(ctx)
	case methodPoke:
		return h.Poke(ctx)
	default:
		return o, &order.Refusal{Code: order.Forbidden, Detail: "there is no such command"}
	}
}

// Remind removes reminders that are not ours: any app in the namespace can set one, even one that repeats forever.
// After an error Dapr would retry them forever, so they are acknowledged in any case.
func (h *hosted) Remind(ctx context.Context, name string) error {
	if name == reminderDeliver && validID(h.id) {
		return h.Deliver(ctx)
	}
	err := h.Reminders.Remove(ctx, h.id, name)
	h.log.WarnContext(ctx, "removed an unknown reminder", "actor", h.id, "reminder", name, "error", err)
	return nil
}

type command interface {
	order.Create | order.Settle | order.Cancel | order.PaymentFailed
}

// decode reads a command of our own. Its id is the actor's: the seal covers both.
func decode[C command](data json.RawMessage, id string) (C, error) {
	var c C
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("command for order %s: %w", id, err)
	}
	return c, nil
}

func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}
