package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"orders/kit/actors"
)

// Sidecar has the methods of actors.Sidecar with which actors keep states and reminders, so an actor whose port is an interface with
// these methods runs on both. Values are stored as JSON, as Dapr does. The last save wins: the store does not compare versions.
type Sidecar struct {
	s         *Simulation
	states    map[stateKey][]byte
	reminders map[reminderKey]*reminder
}

type (
	stateKey    struct{ actorType, id, key string }
	reminderKey struct{ id, name string }
	reminder    struct{ done bool }
)

// Load implements the method of actors.Sidecar.
func (c *Sidecar) Load(_ context.Context, actorType, id, key string, value any) (exists bool, err error) {
	var data []byte
	if err := c.s.Step("load "+key+" of "+id, func() { data, exists = c.states[stateKey{actorType, id, key}] }); err != nil || !exists {
		return false, err
	}
	return true, json.Unmarshal(data, value)
}

// Save implements the method of actors.Sidecar.
func (c *Sidecar) Save(_ context.Context, actorType, id, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.s.Step(fmt.Sprintf("save %s of %s: %s", key, id, data), func() { c.states[stateKey{actorType, id, key}] = data })
}

// SetReminder implements the method of actors.Sidecar.
func (c *Sidecar) SetReminder(_ context.Context, _, id, name string, delay time.Duration) error {
	return c.s.Step(fmt.Sprintf("set reminder %s of %s in %s", name, id, delay), func() { c.s.Remind(id, name, delay) })
}

// CancelReminder implements the method of actors.Sidecar.
func (c *Sidecar) CancelReminder(_ context.Context, _, id, name string) error {
	return c.s.Step("cancel reminder "+name+" of "+id, func() { c.s.Forget(id, name) })
}

// Stored decodes what the store holds for an actor, without a step. It is for invariants.
func (c *Sidecar) Stored(actorType, id, key string, value any) (exists bool) {
	data, exists := c.states[stateKey{actorType, id, key}]
	if exists {
		if err := json.Unmarshal(data, value); err != nil {
			panic(err)
		}
	}
	return exists
}

// Remind makes the scheduler fire a reminder after delay, and again every second until a turn has succeeded. It replaces the actor's
// reminder of that name. Fakes call it in the effect of a Step.
func (s *Simulation) Remind(id, name string, delay time.Duration) {
	s.Forget(id, name)
	r := &reminder{}
	s.sidecar.reminders[reminderKey{id, name}] = r
	s.fire(id, name, r, max(0, delay))
}

// Forget deletes a reminder, if there is one.
func (s *Simulation) Forget(id, name string) {
	if r := s.sidecar.reminders[reminderKey{id, name}]; r != nil {
		r.done = true
	}
}

// HasReminder reports whether a reminder was set and not replaced or deleted since, even if it has fired.
func (s *Simulation) HasReminder(id, name string) bool {
	return s.sidecar.reminders[reminderKey{id, name}] != nil
}

func (s *Simulation) fire(id, name string, r *reminder, in time.Duration) {
	if s.Fault(s.Rates.Late) {
		in += time.Duration(s.IntN(20)) * time.Second
	} else if in > 0 && s.Fault(s.Rates.Early) {
		in -= min(in, time.Duration(s.IntN(1_000))*time.Millisecond)
	}
	s.Go(in, func() {
		if r.done {
			return
		}
		if s.Fault(s.Rates.Duplicate) {
			s.fire(id, name, r, time.Second)
		}
		if _, err := s.Send(id, Message{Reminder: name}); err != nil {
			s.fire(id, name, r, time.Second)
			return
		}
		r.done = true
	})
}

// Invoke sends a sealed command to an actor and returns its reply, or an error that wraps actors.ErrUnavailable, as actors.Invoker does
// without its retries.
func (s *Simulation) Invoke(_ context.Context, id, method string, command any) ([]byte, error) {
	body, open, err := s.Seal().Close(method, id, command)
	if err != nil {
		return nil, err
	}
	reply, err := s.Send(id, Message{Method: method, Body: body})
	if err == nil {
		reply, err = open(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", actors.ErrUnavailable, err)
	}
	return reply, nil
}

// Send sends a message to an actor through the sidecars. They may lose the message or the reply, deliver it twice, or to a replica that
// does not own the actor.
func (s *Simulation) Send(id string, m Message) ([]byte, error) {
	type reply struct {
		data []byte
		err  error
	}
	s.Sleep(s.Delay())
	if s.Fault(s.Rates.Lost) {
		s.Logf("%s: %s for %s is lost", s.Home(), m, id)
		return nil, ErrLost
	}
	if s.Fault(s.Rates.Duplicate) {
		if again := s.Route(id); again != nil {
			s.Logf("%s: %s for %s is sent twice", s.Home(), m, id)
			again.Go(time.Duration(s.IntN(3_000))*time.Millisecond, func() { _, _ = again.Turn(id, m) })
		}
	}
	if s.Misroute != nil {
		c := &call[reply]{waiter: s.running}
		if s.Misroute(id, m, func(data []byte, err error) { c.reply(reply{data, err}) }) {
			got, ok := c.wait(s.Timeout)
			if !ok {
				return nil, ErrLost
			}
			return got.data, got.err
		}
	}
	host := s.Route(id)
	if host == nil {
		return nil, ErrLost
	}
	got, ok := Request(s, host, s.Timeout, func() reply {
		data, err := host.Turn(id, m)
		return reply{data, err}
	})
	if !ok {
		return nil, ErrLost
	}
	return got.data, got.err
}

// Route returns the replica that a message to the actor reaches now; nil if none is alive.
func (s *Simulation) Route(id string) *Replica {
	alive := s.Alive()
	if len(alive) == 0 {
		return nil
	}
	owner := s.owners[id]
	if owner == nil || !owner.alive || s.Fault(s.Rates.Move) {
		owner = alive[s.IntN(len(alive))]
		s.owners[id] = owner
	}
	if s.Fault(s.Rates.Stray) {
		return alive[s.IntN(len(alive))]
	}
	return owner
}
