package payer

import (
	"fmt"

	"orders/orders-actor/order"
)

// maxFailures bounds the memory of failed jobs.
const maxFailures = 10_000

// failure is what is known of a job whose last call failed.
type failure struct {
	tries int
	err   string
}

// Jobs returns the payments and voids of an order that are waiting, running, or have failed in this replica. The latter
// may have been made by another replica since.
func (p *Payer) Jobs(id string) (jobs []order.Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, void := range []bool{false, true} {
		j := job{id: id, void: void}
		t, known := p.jobs[j]
		f, failed := p.failures[j]
		state := order.JobFailed
		switch {
		case known && t.running:
			state = order.JobRunning
		case known:
			state = order.JobQueued
		case !failed:
			continue
		}
		jobs = append(jobs, order.Job{Void: void, State: state, Tries: max(f.tries, t.attempts), LastError: f.err})
	}
	return jobs
}

// begin marks a job as running and returns its task.
func (p *Payer) begin(j job) task {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.jobs[j]
	t.running = true
	p.jobs[j] = t
	return t
}

func (p *Payer) end(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, j)
}

// note remembers the result of a call. attempts is the number of calls that are counted for the order, which does not
// count voids.
func (p *Payer) note(j job, attempts int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.failures, j)
		return
	}
	f, known := p.failures[j]
	if !known && len(p.failures) >= maxFailures {
		for other := range p.failures { // any
			delete(p.failures, other)
			break
		}
	}
	f.tries++
	if !j.void {
		f.tries = attempts
	}
	f.err = fmt.Sprintf("%.300v", err)
	p.failures[j] = f
}
