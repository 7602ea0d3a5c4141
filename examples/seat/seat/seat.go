// Package seat is an actor that holds a seat for a customer until it is confirmed, or the hold ends.
package seat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orders/kit/actors"
)

// Type is the actor type of seats.
const Type = "Seat"

// release is the name of the reminder that ends a hold.
const release = "release"

// Seat is what is stored of a seat. The zero value is a free seat.
type Seat struct {
	Holder    string    `json:"holder,omitempty"`
	Until     time.Time `json:"until,omitzero"` // the end of the hold, unless the seat is confirmed
	Confirmed bool      `json:"confirmed,omitempty"`
}

// ErrConflict is returned by a Store that has another version of the seat: two hosts ran its actor at the same time.
var ErrConflict = errors.New("the seat was changed by another host")

// Store keeps seats. Dapr may run an actor on two hosts for a moment, so the store decides between them: Save fails with ErrConflict
// unless version is the one that Load returned.
type Store interface {
	Load(ctx context.Context, id string) (s Seat, version string, err error)
	Save(ctx context.Context, id string, s Seat, version string) error
}

// Reminders is implemented by actors.Sidecar and simulate.Sidecar.
type Reminders interface {
	SetReminder(ctx context.Context, actorType, id, name string, delay time.Duration) error
}

// Options are the ports of a seat.
type Options struct {
	Store     Store
	Reminders Reminders
	Seal      actors.Seal
	Clock     func() time.Time
	HoldFor   time.Duration
}

// Activator returns the function with which a host activates seats.
func Activator(o Options) func(id string) actors.Actor {
	return func(id string) actors.Actor { return &actor{o, id} }
}

type actor struct {
	Options
	id string
}

type command struct {
	Holder string `json:"holder"`
}

type reply struct {
	Seat    Seat    `json:"seat"`
	Refusal Refusal `json:"refusal,omitempty"`
}

// Invoke implements actors.Actor. A refusal is part of the reply: an error would mean that the outcome is unknown.
func (a *actor) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	data, sealReply, err := a.Seal.Open(method, a.id, body)
	if err != nil {
		return nil, err
	}
	var c command
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	var r reply
	if r.Seat, err = a.execute(ctx, method, c.Holder); err != nil && !errors.As(err, &r.Refusal) {
		return nil, err
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return sealReply(encoded), nil
}

func (a *actor) execute(ctx context.Context, method, holder string) (Seat, error) {
	s, version, err := a.Store.Load(ctx, a.id)
	if err != nil {
		return s, err
	}
	now := a.Clock()
	if !s.Confirmed && !now.Before(s.Until) { // its reminder may be late
		s = Seat{}
	}
	switch {
	case method == "read":
		return s, nil
	case s.Holder != "" && s.Holder != holder:
		return s, Taken
	case method == "hold" && s.Holder == holder, method == "confirm" && s.Confirmed: // this request again
		return s, nil
	case method == "hold":
		// The reminder is first: without it a hold that was stored before a crash would never end.
		if err := a.Reminders.SetReminder(ctx, Type, a.id, release, a.HoldFor); err != nil {
			return s, err
		}
		s = Seat{Holder: holder, Until: now.Add(a.HoldFor)}
	case method == "confirm" && s.Holder == "":
		return s, NotHeld
	case method == "confirm":
		s.Confirmed = true
	default:
		return s, fmt.Errorf("there is no command %q", method)
	}
	return s, a.Store.Save(ctx, a.id, s, version)
}

// Remind implements actors.Actor: it ends the hold. After an error Dapr fires the reminder again.
func (a *actor) Remind(ctx context.Context, _ string) error {
	s, version, err := a.Store.Load(ctx, a.id)
	if err != nil || s.Confirmed || s.Holder == "" {
		return err
	}
	if left := s.Until.Sub(a.Clock()); left > 0 { // early, or of an earlier hold
		return a.Reminders.SetReminder(ctx, Type, a.id, release, left)
	}
	return a.Store.Save(ctx, a.id, Seat{}, version)
}
