// Package payer pays for orders and voids their payments, outside of turns: it calls payments-svc through the sidecar and
// brings the results back to the orders as commands.
package payer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"orders/kit/run"
	"orders/orders-actor/order"
)

// Payment is what payments-svc must know of an order.
type Payment struct {
	OrderID  string
	Amount   int64
	Currency string
	Auth     order.Auth
}

// Decision is payments-svc's answer. It never changes.
type Decision struct {
	Confirmed bool
	Reason    string
}

// ErrRefused is a call that payments-svc will refuse again, however often it is repeated right now.
var ErrRefused = errors.New("payments-svc refused the call")

// Payments calls payments-svc. Both calls may be repeated.
type Payments interface {
	Pay(ctx context.Context, p Payment) (Decision, error)
	Void(ctx context.Context, p Payment) error
}

// Results takes what came of it back to the order, as turns.
type Results interface {
	Settle(ctx context.Context, c order.Settle) error
	PaymentFailed(ctx context.Context, c order.PaymentFailed) error
	Voided(ctx context.Context, id string) error
}

// Config is what a Payer needs. Zero counts and durations take the defaults.
type Config struct {
	Payments Payments
	Results  Results
	Log      *slog.Logger

	CallTimeout time.Duration // 10 s: of one call to payments-svc
	Drain       time.Duration // 10 s: how long a stopping Payer lets running calls finish
	Parallel    int           // 64: payments and voids at once
	Queue       int           // 10,000: waiting ones; more are dropped, and come again through the reconciler

	// Pause waits for about d, or until ctx ends; nil for the real clock, with jitter.
	Pause func(ctx context.Context, d time.Duration)
}

// Payer pays and voids in the background, at most once at a time per order and kind. It tries a few
// times and then leaves the order to the reconciler, so that payments that fail don't hold up the others for long.
//
// Failed calls are noted with the order, so that people see what it waits for: after the first one of an order's life, and
// when a job ends without a decision. That is at most one turn more per job, after the first.
//
// Nothing is lost with it: what an order owes is in its state, not in this queue. It may pay for an order that is
// being cancelled at the same moment: the cancel owes a void, and a void always wins at payments-svc.
type Payer struct {
	Config
	queue chan job

	mu   sync.Mutex
	busy map[job]task // waiting or at work
}

// job is one thing to do. Its task is in busy.
type job struct {
	id   string
	void bool
}

type task struct {
	Payment
	attempts int // calls noted with the order before this job
}

const (
	triesPerJob = 3
	firstWait   = 250 * time.Millisecond
)

// pause spreads its end, so that what failed together doesn't come again together.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d/2 + rand.N(d)):
	case <-ctx.Done():
	}
}

// New makes a Payer. Until Run runs it only queues.
func New(c Config) *Payer {
	if c.CallTimeout == 0 {
		c.CallTimeout = 10 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 10 * time.Second
	}
	if c.Parallel == 0 {
		c.Parallel = 64
	}
	if c.Queue == 0 {
		c.Queue = 10_000
	}
	if c.Pause == nil {
		c.Pause = pause
	}
	return &Payer{Config: c, queue: make(chan job, c.Queue), busy: make(map[job]task)}
}

// Pay implements orderactor.Payer.
func (p *Payer) Pay(s order.State) { p.enqueue(s, false) }

// Void implements orderactor.Payer.
func (p *Payer) Void(s order.State) { p.enqueue(s, true) }

// Owing is how many payments and voids wait or are at work.
func (p *Payer) Owing() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.busy)
}

func (p *Payer) enqueue(s order.State, void bool) {
	j := job{id: s.ID, void: void}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.busy[j]; ok {
		return
	}
	select {
	case p.queue <- j:
		p.busy[j] = task{
			Payment:  Payment{OrderID: s.ID, Amount: s.Total, Currency: s.Currency, Auth: s.Auth},
			attempts: s.Payment.Attempts,
		}
	default:
		p.Log.Warn("too many payments are waiting: left one to the reconciler", "order", s.ID)
	}
}

// Run works until ctx ends, then lets the calls that are running finish. What still waits stays with its orders.
func (p *Payer) Run(ctx context.Context) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends Drain after ctx
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(p.Drain, cancel) })()

	var workers sync.WaitGroup
	for range p.Parallel {
		workers.Go(func() {
			_ = run.Catch(ctx, p.Log, "payer", func() error {
				for ctx.Err() == nil {
					select {
					case j := <-p.queue:
						p.do(ctx, working, j)
					case <-ctx.Done():
					}
				}
				return nil
			})
		})
	}
	workers.Wait()
	return nil
}

// Next does the job that waits longest, if any, on its caller's goroutine: for who has a schedule of their own instead of
// Run's.
func (p *Payer) Next(ctx context.Context) {
	select {
	case j := <-p.queue:
		p.do(ctx, ctx, j)
	default:
	}
}

// do tries until it is done, tried often enough, or ctx ends. Calls run under working.
func (p *Payer) do(ctx, working context.Context, j job) {
	p.mu.Lock()
	t := p.busy[j]
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.busy, j)
		p.mu.Unlock()
	}()
	wait := firstWait
	for try := 1; ; try++ {
		decided, err := p.once(working, j, t, t.attempts+try)
		if err == nil {
			return
		}
		last := try == triesPerJob || errors.Is(err, ErrRefused) || ctx.Err() != nil
		if !j.void && !decided && (last || t.attempts == 0 && try == 1) {
			p.note(working, j, t.attempts+try, err)
		}
		if last {
			p.Log.Warn("payment left to the reconciler", "order", j.id, "void", j.void, "calls", t.attempts+try, "error", err)
			return
		}
		p.Pause(ctx, wait)
		wait *= 4
	}
}

// once makes one call and brings the result to the order. It reports whether payments-svc answered. A panic is a failure of
// this order as any other: it is noted, tried again ever later, and holds up nobody else.
func (p *Payer) once(ctx context.Context, j job, t task, attempts int) (decided bool, _ error) {
	err := run.Catch(ctx, p.Log, "payer", func() (err error) {
		decided, err = p.call(ctx, j, t, attempts)
		return err
	})
	return decided, err
}

func (p *Payer) call(ctx context.Context, j job, t task, attempts int) (decided bool, _ error) {
	call, cancel := context.WithTimeout(ctx, p.CallTimeout)
	defer cancel()
	if j.void {
		if err := p.Payments.Void(call, t.Payment); err != nil {
			return false, err
		}
		return true, accepted(p.Results.Voided(ctx, j.id))
	}
	d, err := p.Payments.Pay(call, t.Payment)
	if err != nil {
		return false, err
	}
	return true, accepted(p.Results.Settle(ctx, order.Settle{ID: j.id, Confirmed: d.Confirmed, Reason: d.Reason, Attempts: attempts}))
}

// note stores the failure with the order. One that doesn't arrive is made up for by the next.
func (p *Payer) note(ctx context.Context, j job, attempts int, failure error) {
	err := run.Catch(ctx, p.Log, "payer", func() error {
		return accepted(p.Results.PaymentFailed(ctx, order.PaymentFailed{ID: j.id, Attempts: attempts, Error: describe(failure)}))
	})
	if err != nil {
		p.Log.Warn("cannot note a failed payment call", "order", j.id, "error", err)
	}
}

// describe says what failed in words that customers may see: the error itself may name addresses.
func describe(err error) string {
	switch {
	case errors.Is(err, run.ErrPanic):
		return "an internal error kept the payment service from being called"
	case errors.Is(err, ErrRefused):
		return "the payment service refused the call"
	case errors.Is(err, context.DeadlineExceeded):
		return "the payment service did not answer in time"
	default:
		return "the payment service is unavailable"
	}
}

// accepted treats a refusal as the end: the order has heard of it.
func accepted(err error) error {
	if refusal := (*order.Refusal)(nil); errors.As(err, &refusal) {
		return nil
	}
	return err
}
