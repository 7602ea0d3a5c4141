package simulate

import (
	"context"
	"slices"
	"time"

	"orders/kit/actors"
)

// Start is what main does in a replica: it creates what the process has in memory, starts its background work, and returns the
// function that activates actors. It is called again after each crash.
type Start func(r *Replica) (activate func(id string) actors.Actor)

// Replica is a process of the service. A crash ends all that it does and all that it has in memory at once.
type Replica struct {
	sim       *Simulation
	number    int
	start     Start
	alive     bool
	processes []*Process
	activate  func(id string) actors.Actor
	hosted    map[string]*activation
}

// activation is an actor in the replica's memory, with the lock that allows one turn at a time.
type activation struct {
	actor   actors.Actor
	busy    bool
	waiting []*Process
}

// Message is a command for an actor, or a reminder.
type Message struct {
	Method   string
	Body     []byte
	Reminder string // the reminder's name; "" for a command
}

func (m Message) String() string {
	if m.Reminder != "" {
		return "reminder " + m.Reminder
	}
	return m.Method
}

func (r *Replica) boot() {
	r.alive = true
	r.processes = nil
	r.hosted = map[string]*activation{}
	r.activate = r.start(r)
}

// Go runs f after some time in a process of the replica, which ends with it.
func (r *Replica) Go(after time.Duration, f func()) { r.sim.spawn(r, after, f) }

// Background is Go for work without an end, such as a worker's loop. Once it has begun, no history waits for its end.
func (r *Replica) Background(after time.Duration, f func()) {
	r.Go(after, func() {
		r.sim.running.background = true
		r.sim.live--
		f()
	})
}

// Idle reports whether the replica is alive and does nothing but background work.
func (r *Replica) Idle() bool {
	return r.alive && !slices.ContainsFunc(r.processes, func(p *Process) bool { return !p.ended && !p.background })
}

// Deactivate drops all activations. The next turn of each actor begins with a new one.
func (r *Replica) Deactivate() { r.hosted = map[string]*activation{} }

// Turn does what an actors.Host does: it runs one turn at a time per actor, and drops the activation after an error. Call it in a
// process of the replica.
func (r *Replica) Turn(id string, m Message) (reply []byte, err error) {
	a := r.hosted[id]
	if a == nil {
		a = &activation{actor: r.activate(id)}
		r.hosted[id] = a
	}
	for a.busy {
		a.waiting = append(a.waiting, r.sim.running)
		r.sim.Sleep(r.sim.Timeout)
	}
	a.busy = true
	if r.sim.story != nil {
		r.sim.Logf("%s: turn %s of %s", r, m, id)
	}
	if m.Reminder != "" {
		err = a.actor.Remind(context.Background(), m.Reminder)
	} else {
		reply, err = a.actor.Invoke(context.Background(), m.Method, m.Body)
	}
	if r.sim.story != nil && err != nil {
		r.sim.Logf("%s: turn %s of %s fails: %v", r, m, id, err)
	}
	if err != nil || r.sim.Fault(r.sim.Rates.Move) {
		a.actor = r.activate(id)
	}
	a.busy = false
	for _, next := range a.waiting {
		next.Wake()
	}
	a.waiting = nil
	return reply, err
}

func (r *Replica) kill() {
	for _, p := range r.processes {
		p.kill()
	}
	r.processes = nil
}

func (r *Replica) crash() {
	if !r.alive {
		return
	}
	r.sim.Logf("%s crashes", r)
	r.sim.Crashes++
	r.alive = false
	r.kill()
	r.sim.After(time.Second+time.Duration(r.sim.IntN(5_000))*time.Millisecond, r.boot)
}

func (r *Replica) String() string {
	if r == nil {
		return "outside"
	}
	return "replica " + string(rune('A'+r.number))
}
