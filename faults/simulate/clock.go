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
	running *proc
}

// epoch is the start of each history.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *clock) time() time.Time { return epoch.Add(c.now) }

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

// proc is something that takes virtual time: the handler of a request, a turn, a payment. It is a coroutine: between two of its
// steps other events may run, and it may be killed.
type proc struct {
	clock *clock
	home  *replica // its crash kills the proc; nil: the proc never crashes
	yield func(time.Duration) bool
	next  func() (time.Duration, bool)
	stop  func()
	ended bool
	wakes int // number of wake-ups; timers that were set before the last one are ignored
}

// parked is a sleep without a timeout: only wake ends it.
const parked = time.Duration(-1)

func (c *clock) spawn(home *replica, after time.Duration, body func(p *proc)) {
	p := &proc{clock: c, home: home}
	p.next, p.stop = iter.Pull(func(yield func(time.Duration) bool) {
		p.yield = yield
		body(p)
	})
	if home != nil {
		home.procs = append(home.procs, p)
	}
	c.after(after, p.resume)
}

func (p *proc) resume() {
	if p.ended {
		return
	}
	p.wakes++
	was := p.clock.running
	p.clock.running = p
	sleep, ok := p.next()
	p.clock.running = was
	switch {
	case !ok:
		p.ended = true
	case sleep != parked:
		p.wakeAfter(sleep)
	}
}

// wakeAfter ends the current sleep after d, if it has not ended before.
func (p *proc) wakeAfter(d time.Duration) {
	wakes := p.wakes
	p.clock.after(d, func() {
		if p.wakes == wakes {
			p.resume()
		}
	})
}

// wake ends the current sleep.
func (p *proc) wake() { p.wakeAfter(0) }

// sleep sleeps for d, or until wake.
func (p *proc) sleep(d time.Duration) {
	if !p.yield(d) {
		runtime.Goexit() // a panic would be caught by the code under test
	}
}

// kill ends a sleeping proc.
func (p *proc) kill() {
	if !p.ended {
		p.ended = true
		stopped := make(chan struct{})
		go func() { // Goexit of the proc also ends the goroutine that stops it
			defer close(stopped)
			p.stop()
		}()
		<-stopped
	}
}

// call is a request to another proc, which may never reply.
type call[T any] struct {
	waiter *proc
	done   bool
	answer T
}

func (c *call[T]) reply(answer T) {
	if !c.done {
		c.done, c.answer = true, answer
		c.waiter.wake()
	}
}

// request runs handle in a proc, and waits for its reply. The reply may be lost.
func request[T any](w *world, p *proc, home *replica, timeout time.Duration, handle func(*proc) T) (T, bool) {
	c := &call[T]{waiter: p}
	w.clock.spawn(home, w.delay(), func(handler *proc) {
		answer := handle(handler)
		if !w.fault(w.plan.lost) {
			c.reply(answer)
		}
	})
	return c.wait(timeout)
}

func (c *call[T]) wait(timeout time.Duration) (T, bool) {
	deadline := c.waiter.clock.now + timeout
	for !c.done && c.waiter.clock.now < deadline {
		c.waiter.sleep(deadline - c.waiter.clock.now)
	}
	return c.answer, c.done
}
