package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"orders/kit/actors"
)

// ErrLost is the error of a caller whose request or reply was lost. It is unknown whether the call had its effect.
var ErrLost = errors.New("no reply")

// Rates say how often a fault is injected where it is possible, in 1/1024. The zero value is a world without faults.
type Rates struct {
	Lost      int // the request or the reply of a step is lost
	Crash     int // the replica crashes after a step's effect, before its reply
	Duplicate int // a command or a reminder arrives twice, the second time late
	Stray     int // a message reaches a replica that does not own the actor: double activation
	Move      int // the actor moves to another replica or activation
	Late      int // a reminder is up to 20 s late
	Slow      int // a step takes up to 4 s
	Early     int // a reminder is early, by up to a second
}

// Counters count what happened in histories.
type Counters struct {
	Faults  int // injected
	Crashes int // of a replica; included in Faults
	Virtual time.Duration
}

// Add adds the counters of another history.
func (c *Counters) Add(o Counters) {
	c.Faults += o.Faults
	c.Crashes += o.Crashes
	c.Virtual += o.Virtual
}

// Simulation is one history: replicas, their clients, and the sidecars between them on a virtual clock. Only one process runs at a
// time, so nothing of a scenario needs a lock. A Simulation must not be used by goroutines that the scenario starts by itself.
type Simulation struct {
	Counters
	clock
	choices  Choices
	story    io.Writer // nil: none
	sidecar  *Sidecar
	replicas []*Replica
	outside  []*Process
	owners   map[string]*Replica
	always   []invariant
	atEnd    []invariant
	broken   []Violation
	stopped  bool

	// The fields below may be changed by the scenario before it hosts actors.

	Rates     Rates         // drawn at random: half of the histories do not have a given fault
	Replicas  int           // 1 or 2, drawn at random
	FaultsFor time.Duration // default 30 s: no fault is injected later
	Limit     time.Duration // default 1 h: the latest end
	Timeout   time.Duration // default 10 s: a sender's, for a message

	// Misroute, if set, may take a message that is sent to an actor, as another app that hosts the same type does. It calls reply at
	// any time or never, and returns whether it has taken the message.
	Misroute func(id string, m Message, reply func([]byte, error)) bool
}

// New returns a simulation that draws everything from choices and writes its story to story, unless that is nil. Most tests need Check
// instead.
func New(choices Choices, story io.Writer) *Simulation {
	s := &Simulation{choices: choices, story: story, owners: map[string]*Replica{}, FaultsFor: 30 * time.Second, Limit: time.Hour, Timeout: 10 * time.Second}
	s.sidecar = &Sidecar{s: s, states: map[stateKey][]byte{}, reminders: map[reminderKey]*reminder{}}
	s.Replicas = 1 + s.IntN(2)
	for _, rate := range []struct {
		of    *int
		often int
	}{
		{&s.Rates.Lost, 80},
		{&s.Rates.Crash, 40},
		{&s.Rates.Duplicate, 200},
		{&s.Rates.Stray, 500},
		{&s.Rates.Move, 200},
		{&s.Rates.Late, 300},
		{&s.Rates.Slow, 60},
		{&s.Rates.Early, 200},
	} {
		*rate.of = s.DrawRate(rate.often)
	}
	return s
}

// DrawRate draws the rate of a fault for this history: it is 0 in half of the histories, and otherwise often or a fourth of it.
func (s *Simulation) DrawRate(often int) int { return []int{0, 0, often / 4, often}[s.IntN(4)] }

// IntN returns a number from 0 to n-1. 0 should be the choice without faults, and the simplest one, since shrinking prefers it.
func (s *Simulation) IntN(n int) int { return s.choices.IntN(n) }

// Fault reports whether a fault with this rate is injected now.
func (s *Simulation) Fault(rate int) bool {
	if rate == 0 || s.now > s.FaultsFor || s.IntN(1024) < 1024-rate {
		return false
	}
	s.Faults++
	return true
}

// Delay draws the duration of a step.
func (s *Simulation) Delay() time.Duration {
	d := time.Microsecond * time.Duration(100+s.IntN(5_000))
	if s.Fault(s.Rates.Slow) {
		d += time.Millisecond * time.Duration(s.IntN(4_000))
	}
	return d
}

// Jitter draws a duration of d ± 25 %.
func (s *Simulation) Jitter(d time.Duration) time.Duration {
	return d*3/4 + d*time.Duration(s.IntN(512))/1024
}

// Now returns the virtual time.
func (s *Simulation) Now() time.Time { return epoch.Add(s.now) }

// Elapsed returns the virtual time since the start of the history.
func (s *Simulation) Elapsed() time.Duration { return s.now }

// Sidecar returns the sidecar of all replicas.
func (s *Simulation) Sidecar() *Sidecar { return s.sidecar }

// Seal returns a seal for commands on the virtual clock. Invoke uses it.
func (s *Simulation) Seal() actors.Seal {
	return actors.Seal{Keys: [][]byte{bytes.Repeat([]byte{'k'}, 32)}, Now: s.Now}
}

// Host starts the replicas.
func (s *Simulation) Host(start Start) {
	for range s.Replicas {
		r := &Replica{sim: s, number: len(s.replicas), start: start}
		s.replicas = append(s.replicas, r)
		r.boot()
	}
}

// All returns all replicas.
func (s *Simulation) All() []*Replica { return s.replicas }

// Alive returns the replicas that have not crashed, or have restarted.
func (s *Simulation) Alive() []*Replica {
	return slices.DeleteFunc(slices.Clone(s.replicas), func(r *Replica) bool { return !r.alive })
}

// Go runs f after some time in a process outside of the replicas, such as a client. It never crashes.
func (s *Simulation) Go(after time.Duration, f func()) { s.spawn(nil, after, f) }

func (s *Simulation) spawn(home *Replica, after time.Duration, f func()) {
	p := s.clock.spawn(home, after, f)
	if home != nil {
		home.processes = append(home.processes, p)
	} else {
		s.outside = append(s.outside, p)
	}
}

// After calls f after some time. f must not sleep, which only processes can.
func (s *Simulation) After(d time.Duration, f func()) { s.after(d, f) }

// Running returns the process that runs now.
func (s *Simulation) Running() *Process { return s.running }

// Home returns the replica of the process that runs now, or nil outside of the replicas.
func (s *Simulation) Home() *Replica { return s.running.home }

// Sleep makes the running process sleep for d, or until it is woken.
func (s *Simulation) Sleep(d time.Duration) { s.running.sleep(d) }

// Park makes the running process sleep until it is woken.
func (s *Simulation) Park() { s.running.sleep(parked) }

// Step is a call of the running process to something outside of it: a database, another service. Each method of a fake is one. It takes
// time, and may be lost before or after its effect: then it returns ErrLost. The replica may crash right after the effect.
func (s *Simulation) Step(what string, effect func()) error {
	p := s.running
	p.sleep(s.Delay())
	if s.Fault(s.Rates.Lost) {
		if s.IntN(2) == 0 {
			effect()
			s.Logf("%s: %s, and the reply is lost", p.home, what)
		} else {
			s.Logf("%s: %s is lost", p.home, what)
		}
		p.sleep(s.Delay())
		return ErrLost
	}
	effect()
	if s.story != nil {
		s.Logf("%s: %s", p.home, what)
	}
	if home := p.home; home != nil && s.Fault(s.Rates.Crash) {
		s.after(0, home.crash) // after the effect and before the reply
	}
	p.sleep(s.Delay())
	return nil
}

// Logf adds a line to the story.
func (s *Simulation) Logf(format string, args ...any) {
	if s.story != nil {
		fmt.Fprintf(s.story, "%s  %s\n", s.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

// HasStory reports whether someone reads the story. Without one, its lines need not be formatted.
func (s *Simulation) HasStory() bool { return s.story != nil }

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string
	Detail    string
}

func (v Violation) String() string { return v.Invariant + ": " + v.Detail }

type invariant struct {
	name  string
	check func() error
}

// Always adds an invariant that is checked after each event.
func (s *Simulation) Always(name string, check func() error) {
	s.always = append(s.always, invariant{name, check})
}

// AtEnd adds an invariant that is checked when the faults are over and all work is done.
func (s *Simulation) AtEnd(name string, check func() error) {
	s.atEnd = append(s.atEnd, invariant{name, check})
}

// Violate reports that an invariant does not hold, such as for a reply that contradicts an earlier one. It ends the history.
func (s *Simulation) Violate(invariant, format string, args ...any) {
	s.broken = append(s.broken, Violation{invariant, fmt.Sprintf(format, args...)})
	s.Logf("VIOLATION %s", s.broken[len(s.broken)-1])
}

func (s *Simulation) check(all []invariant) {
	for _, i := range all {
		if err := i.check(); err != nil {
			s.Violate(i.name, "%v", err)
		}
	}
}

// RunUntil runs all events until the deadline since the start of the history, until stop (which may be nil) returns true after an event,
// or until an invariant is violated. A scenario may call it to observe the history in the middle; the rest runs after the scenario.
func (s *Simulation) RunUntil(deadline time.Duration, stop func() bool) {
	for !s.stopped && len(s.broken) == 0 && s.step(deadline) {
		s.check(s.always)
		if stop != nil && stop() {
			return
		}
	}
}

// Stop ends the history: no further event runs. The invariants for the end are checked all the same.
func (s *Simulation) Stop() {
	s.stopped = true
	for _, r := range s.replicas {
		r.kill()
	}
	for _, p := range s.outside {
		p.kill()
	}
	s.outside = nil
}

// settled reports whether the faults are over, all replicas run, and only background work is left.
func (s *Simulation) settled() bool {
	return s.now > s.FaultsFor && s.live == 0 && !slices.ContainsFunc(s.replicas, func(r *Replica) bool { return !r.alive })
}
