package seat

import (
	"context"
	"encoding/json"
	"fmt"

	"orders/kit/actors"
)

// Refusal says why a rule does not allow a command. It is an error whose outcome is known: nothing was changed.
type Refusal string

// The refusals.
const (
	Taken   Refusal = "another customer has this seat"
	NotHeld Refusal = "the seat is not held, or the hold has ended"
)

func (r Refusal) Error() string { return string(r) }

// Client sends commands to seats, on whichever replica they are. Its methods return a Refusal, or an error that wraps
// actors.ErrUnavailable. After the latter the outcome is unknown; a retry is safe.
type Client struct {
	// Invoker is an actors.Invoker or a simulation.
	Invoker interface {
		Invoke(ctx context.Context, id, method string, command any) ([]byte, error)
	}
}

// Hold holds a seat for some time.
func (c Client) Hold(ctx context.Context, id, holder string) (Seat, error) {
	return c.send(ctx, id, "hold", holder)
}

// Confirm makes the holder of a seat keep it.
func (c Client) Confirm(ctx context.Context, id, holder string) (Seat, error) {
	return c.send(ctx, id, "confirm", holder)
}

// Read returns a seat.
func (c Client) Read(ctx context.Context, id string) (Seat, error) {
	return c.send(ctx, id, "read", "")
}

func (c Client) send(ctx context.Context, id, method, holder string) (Seat, error) {
	data, err := c.Invoker.Invoke(ctx, id, method, command{holder})
	if err != nil {
		return Seat{}, err
	}
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return Seat{}, fmt.Errorf("%w: decode reply of seat %s: %w", actors.ErrUnavailable, id, err)
	}
	if r.Refusal != "" {
		return r.Seat, r.Refusal
	}
	return r.Seat, nil
}
