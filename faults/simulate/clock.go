package simulate

import (
	"container/heap"
	"iter"
	"runtime"
	"time"
)

// clock is the virtual time and all that is going to happen in it. One thing runs at a time, so that a history is
// the same whenever it is run with the same choices.
type clock struct {
	now     time.Duration
	seq     int
	agenda  agenda
	running *proc
}

// epoch is when every history begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *clock) time() time.Time { return epoch.Add(c.now) }

type entry struct {
	at  time.Duration
	seq int // first come, first served
	do  func()
}

type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

func (c *clock) after(d time.Duration, do func()) {
	c.seq++
	heap.Push(&c.agenda, entry{at: c.now + d, seq: c.seq, do: do})
}

// step runs what comes next, and reports false when nothing is left before the deadline.
func (c *clock) step(deadline time.Duration) bool {
	if len(c.agenda) == 0 || c.agenda[0].at > deadline {
		return false
	}
	next := heap.Pop(&c.agenda).(entry)
	c.now = next.at
	next.do()
	return true
}

// proc is something that takes virtual time: a request's handler, a turn, a payment. It is a coroutine: between two
// of its steps anything else may happen, and it may be killed.
type proc struct {
	clock *clock
	home  *replica // whose crash kills it; nil for what never crashes
	yield func(time.Duration) bool
	next  func() (time.Duration, bool)
	stop  func()
	ended bool
	wakes int // how often it was woken; a timer that was set before is void
}

// parked is the sleep that only wake ends.
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

// wakeAfter ends the proc's present sleep in a while, unless something else does before.
func (p *proc) wakeAfter(d time.Duration) {
	wakes := p.wakes
	p.clock.after(d, func() {
		if p.wakes == wakes {
			p.resume()
		}
	})
}

// wake ends the proc's present sleep now.
func (p *proc) wake() { p.wakeAfter(0) }

func (p *proc) sleep(d time.Duration) {
	if !p.yield(d) {
		runtime.Goexit() // not a panic, which the code under test would catch
	}
}

// park sleeps until wake or the timeout.
func (p *proc) park(timeout time.Duration) { p.sleep(timeout) }

// kill ends a proc that sleeps.
func (p *proc) kill() {
	if !p.ended {
		p.ended = true
		stopped := make(chan struct{})
		go func() { // the proc's Goexit ends the goroutine that stops it
			defer close(stopped)
			p.stop()
		}()
		<-stopped
	}
}

// call is a request to another proc, whose answer may never come.
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

func (c *call[T]) wait(timeout time.Duration) (T, bool) {
	deadline := c.waiter.clock.now + timeout
	for !c.done && c.waiter.clock.now < deadline {
		c.waiter.park(deadline - c.waiter.clock.now)
	}
	return c.answer, c.done
}
