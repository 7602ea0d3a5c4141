package simulate

import (
	"iter"
	"runtime"
	"slices"
	"sort"
	"time"
)

// clock is the virtual time with all events that are scheduled. One event runs at a time, so that the same choices give the same
// history.
type clock struct {
	now     time.Duration
	agenda  []entry // ordered by time
	running *Process
	live    int // number of processes that are neither ended nor background
}

// epoch is the start of each history.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type entry struct {
	at time.Duration
	do func()
}

func (c *clock) after(d time.Duration, do func()) {
	at := c.now + d
	i := sort.Search(len(c.agenda), func(i int) bool { return c.agenda[i].at > at }) // after the events of the same time
	c.agenda = slices.Insert(c.agenda, i, entry{at, do})
}

// step runs the next event. It returns false if there is none before the deadline.
func (c *clock) step(deadline time.Duration) bool {
	if len(c.agenda) == 0 || c.agenda[0].at > deadline {
		return false
	}
	next := c.agenda[0]
	c.agenda = c.agenda[1:]
	c.now = next.at
	next.do()
	return true
}

// Process is something that takes virtual time: a client, the handler of a request, a turn. Between two of its steps other events may
// run, and it may be killed by a crash of its replica.
type Process struct {
	clock      *clock
	home       *Replica // its crash kills the process; nil: the process never crashes
	body       func()
	yield      func(time.Duration) bool
	next       func() (time.Duration, bool) // nil: not started
	stop       func()
	ended      bool
	background bool
	wakes      int // number of wake-ups; timers that were set before the last one are ignored
}

// parked is a sleep without a timeout: only Wake ends it.
const parked = time.Duration(-1)

func (c *clock) spawn(home *Replica, after time.Duration, body func()) *Process {
	p := &Process{clock: c, home: home, body: body}
	c.live++
	c.after(after, p.resume)
	return p
}

func (p *Process) resume() {
	if p.ended {
		return
	}
	if p.next == nil {
		p.next, p.stop = iter.Pull(func(yield func(time.Duration) bool) {
			p.yield = yield
			p.body()
		})
	}
	p.wakes++
	was := p.clock.running
	p.clock.running = p
	sleep, ok := p.next()
	p.clock.running = was
	switch {
	case !ok:
		p.end()
	case sleep != parked:
		p.wakeAfter(sleep)
	}
}

func (p *Process) end() {
	p.ended = true
	if !p.background {
		p.clock.live--
	}
}

// wakeAfter ends the current sleep after d, if it has not ended before.
func (p *Process) wakeAfter(d time.Duration) {
	wakes := p.wakes
	p.clock.after(d, func() {
		if p.wakes == wakes {
			p.resume()
		}
	})
}

// Wake ends the process's current sleep.
func (p *Process) Wake() { p.wakeAfter(0) }

func (p *Process) sleep(d time.Duration) {
	if !p.yield(d) {
		runtime.Goexit() // a panic would be caught by the code under test
	}
}

// kill ends a sleeping process.
func (p *Process) kill() {
	if p.ended {
		return
	}
	p.end()
	if p.next != nil {
		stopped := make(chan struct{})
		go func() { // Goexit of the process also ends the goroutine that stops it
			defer close(stopped)
			p.stop()
		}()
		<-stopped
	}
}

// call is a request to another process, which may never reply.
type call[T any] struct {
	waiter *Process
	done   bool
	answer T
}

func (c *call[T]) reply(answer T) {
	if !c.done {
		c.done, c.answer = true, answer
		c.waiter.Wake()
	}
}

func (c *call[T]) wait(timeout time.Duration) (T, bool) {
	deadline := c.waiter.clock.now + timeout
	for !c.done && c.waiter.clock.now < deadline {
		c.waiter.sleep(deadline - c.waiter.clock.now)
	}
	return c.answer, c.done
}

// Request runs handle in a process of the replica, or outside of all replicas if that is nil, and waits for its reply. ok is false if
// the reply is lost or does not arrive before the timeout; it is then unknown whether handle has run.
func Request[T any](s *Simulation, to *Replica, timeout time.Duration, handle func() T) (reply T, ok bool) {
	c := &call[T]{waiter: s.running}
	s.spawn(to, s.Delay(), func() {
		answer := handle()
		if s.Fault(s.Rates.Lost) {
			s.Logf("%s: the reply is lost", to)
			return
		}
		c.reply(answer)
	})
	return c.wait(timeout)
}
