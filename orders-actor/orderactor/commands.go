package orderactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/google/uuid"

	"orders/kit/actors"
	"orders/kit/telemetry"
	"orders/orders-actor/order"
)

// Type is the actor type of orders.
const Type = "Order"

// The table of commands: the name on the wire, and the method that executes the command. To add one, add a row and its
// method. Replicas of two releases run side by side during an update, so a name never changes: "poke" is Resume.
var (
	create        = command("create", (*Order).Create)
	createFor     = command("create-for", (*Order).Create) // with a customer or refused fields, which older releases ignore
	settle        = command("settle", (*Order).Settle)
	cancel        = command("cancel", (*Order).Cancel)
	paymentFailed = command("payment-failed", (*Order).PaymentFailed)
	voided        = command("voided", (*Order).Voided)
	resume        = command("poke", (*Order).Resume)
	inspect       = command("inspect", (*Order).Inspect)
	remove        = command("remove", (*Order).Remove)
)

// noSuchCommand is the detail of the refusal of an unknown command. Newer releases compare it, so it never changes.
const noSuchCommand = "there is no such command"

// reminderDeliver is the name of the only reminder.
const reminderDeliver = "deliver"

// Result is what a command has done.
type Result struct {
	Order    order.Order `json:"order,omitzero"`
	Replayed bool        `json:"replayed,omitempty"` // create: an earlier request created the order
	Changed  bool        `json:"changed,omitempty"`  // cancel: this call cancelled the order

	Repairs    []order.RepairStep `json:"repairs,omitempty"`    // resume: what a repair has done
	Inspection *Inspection        `json:"inspection,omitempty"` // inspect
}

// handlers execute decoded commands, by name. command fills it.
var handlers = map[string]handler{}

type handler func(ctx context.Context, o *Order, command json.RawMessage) (Result, error)

// name is a command's name on the wire. C is the command's type for both the host and the Client.
type name[C any] string

// command adds a row to the table.
func command[C any](n string, method func(*Order, context.Context, C) (Result, error)) name[C] {
	handlers[n] = func(ctx context.Context, o *Order, data json.RawMessage) (Result, error) {
		var c C
		if err := json.Unmarshal(data, &c); err != nil {
			return Result{}, fmt.Errorf("decode command %s for order %s: %w", n, o.id, err)
		}
		return method(o, ctx, c)
	}
	return name[C](n)
}

// Turns returns the names of all turns as the host reports them: the commands and the reminder.
func Turns() []string {
	return append(slices.Sorted(maps.Keys(handlers)), "reminder "+reminderDeliver)
}

// reply is a Result or a refusal on the wire. Refusals are part of the reply, because a failed invocation means that
// the outcome is unknown.
type reply struct {
	Result
	Refusal *order.Refusal     `json:"refusal,omitempty"`
	Invalid []order.FieldError `json:"invalid,omitempty"`
}

// Activator returns the function with which a host activates orders. Their commands must be sealed with one of seal's keys.
func Activator(o *Options, seal actors.Seal, log *slog.Logger) func(id string) actors.Actor {
	return func(id string) actors.Actor {
		return &hosted{Order: New(o, id), seal: seal, log: log}
	}
}

// hosted is an Order behind the host's interface: it opens commands, seals replies and checks ids.
type hosted struct {
	*Order
	seal actors.Seal
	log  *slog.Logger
}

// Invoke implements actors.Actor. A command that does not open is a failure, not a refusal: during a rotation of keys the
// caller may be a replica whose key is still unknown here, and its retry may reach another replica.
func (h *hosted) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	data, answer, err := h.seal.Open(method, h.id, body)
	if err != nil {
		return nil, fmt.Errorf("open command %s: %w", method, err)
	}
	var r reply
	var invalid *order.Invalid
	result, err := h.execute(ctx, method, data)
	telemetry.Link(ctx, h.state.Trace)
	switch {
	case errors.As(err, &r.Refusal):
	case errors.As(err, &invalid):
		r.Invalid = invalid.Fields
	case err != nil:
		return nil, err
	default:
		r.Result = result
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode reply to %s: %w", method, err)
	}
	return answer(encoded), nil
}

func (h *hosted) execute(ctx context.Context, method string, data json.RawMessage) (Result, error) {
	if !validID(h.id) {
		return Result{}, order.NotFound()
	}
	handle, known := handlers[method]
	if !known {
		return Result{}, &order.Refusal{Code: order.Forbidden, Detail: noSuchCommand}
	}
	return handle(ctx, h.Order, data)
}

// Remind implements actors.Actor. It removes and acknowledges unknown reminders: any app in the namespace can register
// one, even one that repeats forever, and after an error Dapr would retry it forever.
func (h *hosted) Remind(ctx context.Context, name string) error {
	if name == reminderDeliver && validID(h.id) {
		err := h.Deliver(ctx)
		telemetry.Link(ctx, h.state.Trace)
		return err
	}
	err := h.Reminders.Remove(ctx, h.id, name)
	h.log.WarnContext(ctx, "removed an unknown reminder", "actor", h.id, "reminder", name, "error", err)
	return nil
}

func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}
