// Package group lets concurrent callers share transactions. While one transaction commits, further callers wait, and the next
// transaction does the work of all of them. A caller that comes alone waits for nobody.
package group

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

const maxSize = 64

// ErrAborted means that the work of a group panicked. It is unknown whether it was done.
var ErrAborted = errors.New("the group's transaction was aborted")

// errLead tells a waiting caller to lead the next group.
var errLead = errors.New("lead the next group")

// Queue has the callers of Do. It has no goroutine: a caller that finds no other at work leads. It does the work of the group,
// then wakes the first waiting caller, who leads next. The zero value with Run, Key and Timeout is ready to use.
type Queue[T any] struct {
	// Run does the work of up to 64 callers, all with different keys. It returns an error per caller, or one for all of them.
	Run     func(ctx context.Context, work []T) ([]error, error)
	Key     func(T) string
	Timeout time.Duration // of Run

	mu      sync.Mutex
	led     bool // a caller leads, or was told to
	waiting []*call[T]
}

type call[T any] struct {
	work   T
	result chan error // room for one
}

// Do does work in a group and returns its error, or that of ctx.
func (q *Queue[T]) Do(ctx context.Context, work T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call[T]{work, make(chan error, 1)}
	if !q.enter(c) {
		select {
		case err := <-c.result:
			if err != errLead { //nolint:errorlint // never wrapped
				return err
			}
		case <-ctx.Done():
			q.leave(c)
			return ctx.Err()
		}
	}
	q.lead(ctx)
	return <-c.result
}

// enter makes c wait, and reports whether its caller leads.
func (q *Queue[T]) enter(c *call[T]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	lead := !q.led
	q.led = true
	return lead
}

// leave ends the wait of c, whose caller may just have been told to lead.
func (q *Queue[T]) leave(c *call[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, c)
	if i < 0 {
		return // its group is at work
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	if len(c.result) > 0 {
		q.handOver()
	}
}

// handOver tells the first waiting caller to lead. The caller of handOver holds q.mu.
func (q *Queue[T]) handOver() {
	q.led = len(q.waiting) > 0
	if q.led {
		q.waiting[0].result <- errLead
	}
}

// lead runs the next group, which contains the leader's own call.
func (q *Queue[T]) lead(ctx context.Context) {
	runtime.Gosched() // callers that are about to wait join this group
	group, work := q.next()
	errs, err := make([]error, len(group)), ErrAborted // after a panic
	defer func() {
		for i, c := range group {
			if err != nil {
				c.result <- err
			} else {
				c.result <- errs[i]
			}
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.handOver()
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.Timeout) // the other callers have not gone away
	defer cancel()
	errs, err = q.Run(ctx, work)
}

// next takes the first waiting calls, at most one with each key.
func (q *Queue[T]) next() (group []*call[T], work []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	keys := make(map[string]bool, len(q.waiting))
	var rest []*call[T]
	for _, c := range q.waiting {
		key := q.Key(c.work)
		if len(group) == maxSize || keys[key] {
			rest = append(rest, c)
			continue
		}
		keys[key] = true
		group, work = append(group, c), append(work, c.work)
	}
	q.waiting = rest
	return group, work
}
