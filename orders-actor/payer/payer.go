// Package payer pays for orders and voids their payments, outside of turns: a Payer calls payments-svc through the sidecar,
// and reports the results to the orders with commands. After three failed calls it leaves an order to the reconciler.
package payer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/kit/telemetry"
	"orders/orders-actor/order"
)

// Payment is the part of an order that payments-svc needs.
type Payment struct {
	OrderID  string
	Customer string // who pays
	Actor    string // the operator who created the order for the customer; otherwise empty
	Amount   int64  // in minor units
	Currency string
}

// Decision is the decision of payments-svc. It never changes.
type Decision struct {
	Confirmed bool
	Reason    string
}

// ErrRefused reports that payments-svc refused the call, and would refuse a retry too.
var ErrRefused = errors.New("payments-svc refused the call")

// Payments calls payments-svc. Both calls are idempotent.
type Payments interface {
	Pay(ctx context.Context, p Payment) (Decision, error)
	Void(ctx context.Context, p Payment) error
}

// Results reports results to orders.
type Results interface {
	Settle(ctx context.Context, c order.Settle) error
	PaymentFailed(ctx context.Context, c order.PaymentFailed) error
	Voided(ctx context.Context, id string) error
}

// Config configures a Payer. Zero durations and limits have the defaults below.
type Config struct {
	Payments Payments
	Results  Results
	Log      *slog.Logger

	CallTimeout time.Duration // 10 s: of one call to payments-svc
	Drain       time.Duration // 10 s: for running calls after Run's context has ended
	Parallel    int           // 64: concurrent payments and voids
	Queue       int           // 10,000: waiting jobs; more are dropped, and queued again by the reconciler

	// Sleep sleeps for about d, or until ctx ends. The default uses the real clock, with jitter.
	Sleep func(ctx context.Context, d time.Duration)
}

// Payer pays and voids in the background: at most one payment and one void at a time per order. After three failed calls it
// leaves the order to the reconciler, so that failing payments do not occupy the workers.
//
// It reports failed calls to the order, so that users see why the order waits: after the first failed call of an order, and
// when a job ends without a decision. That is at most one turn per job, and one more per order.
//
// The queue is in memory. Pending payments and voids are stored with their orders, so none is lost with the process. A Payer
// may pay for an order while it is cancelled: the void of the cancel takes precedence at payments-svc.
type Payer struct {
	Config
	queue chan job

	mu       sync.Mutex
	jobs     map[job]task    // waiting or running
	failures map[job]failure // jobs whose last call failed; at most maxFailures
}

// job identifies a payment or void. Its task is in Payer.jobs.
type job struct {
	id   string
	void bool
}

type task struct {
	Payment
	attempts int    // calls that the order knew of when the job was queued
	trace    string // traceparent of the create
	running  bool
}

const (
	triesPerJob = 3
	firstPause  = 250 * time.Millisecond // before the second call; four times as long before the third
)

// New returns a Payer. It only queues until Run is called.
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
	if c.Sleep == nil {
		c.Sleep = retry.Sleep
	}
	return &Payer{Config: c, queue: make(chan job, c.Queue), jobs: make(map[job]task), failures: make(map[job]failure)}
}

// Pay implements orderactor.Payer.
func (p *Payer) Pay(s order.State) { p.enqueue(s, false) }

// Void implements orderactor.Payer.
func (p *Payer) Void(s order.State) { p.enqueue(s, true) }

// Pending returns the number of payments and voids that are waiting or running.
func (p *Payer) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.jobs)
}

func (p *Payer) enqueue(s order.State, void bool) {
	j := job{id: s.ID, void: void}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.jobs[j]; ok {
		return
	}
	select {
	case p.queue <- j:
		p.jobs[j] = task{Payment: Of(s), attempts: s.Payment.Attempts, trace: s.Trace}
	default:
		p.Log.Warn("payment queue is full: left an order to the reconciler", "order", s.ID)
	}
}

// Run works until ctx ends, and then waits for running calls, up to Drain. It returns nil. Waiting jobs are dropped: the
// reconciler queues them again.
func (p *Payer) Run(ctx context.Context) error {
	callCtx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends Drain after ctx
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(p.Drain, cancel) })()

	var workers sync.WaitGroup
	for range p.Parallel {
		workers.Go(func() {
			_ = run.Catch(ctx, p.Log, "payer", func() error {
				for ctx.Err() == nil {
					select {
					case j := <-p.queue:
						p.do(ctx, callCtx, j)
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

// RunNext runs the next waiting job, if any, on the caller's goroutine. It replaces Run for callers with a scheduler of
// their own.
func (p *Payer) RunNext(ctx context.Context) {
	select {
	case j := <-p.queue:
		p.do(ctx, ctx, j)
	default:
	}
}

// do makes up to triesPerJob calls, with callCtx, until one succeeds. It makes no further call after ctx has ended.
func (p *Payer) do(ctx, callCtx context.Context, j job) {
	t := p.begin(j)
	defer p.end(j)
	callCtx = telemetry.WithTraceparent(callCtx, t.trace)
	pause := firstPause
	for try := 1; ; try++ {
		decided, err := p.try(callCtx, j, t, t.attempts+try)
		p.note(j, t.attempts+try, err)
		if err == nil {
			return
		}
		last := try == triesPerJob || errors.Is(err, ErrRefused) || ctx.Err() != nil
		if !j.void && !decided && (last || t.attempts == 0 && try == 1) {
			p.reportFailure(callCtx, j, t.attempts+try, err)
		}
		if last {
			p.Log.WarnContext(callCtx, "left an order to the reconciler", "order", j.id, "void", j.void, "calls", t.attempts+try, "error", err)
			return
		}
		p.Sleep(ctx, pause)
		pause *= 4
	}
}

// try makes one call and reports the result to the order. decided reports whether payments-svc has answered. A panic counts
// as a failed call of this order; other orders are not affected.
func (p *Payer) try(ctx context.Context, j job, t task, attempts int) (decided bool, _ error) {
	err := run.Catch(ctx, p.Log, "payer", func() (err error) {
		decided, err = p.call(ctx, j, t, attempts)
		return err
	})
	return decided, err
}

func (p *Payer) call(ctx context.Context, j job, t task, attempts int) (decided bool, _ error) {
	ctx, span := telemetry.Start(ctx, "payment attempt", telemetry.Client)
	span.Set("order.id", j.id)
	span.SetInt("attempt", attempts)
	timeoutCtx, cancel := context.WithTimeout(ctx, p.CallTimeout)
	defer cancel()
	start := time.Now()
	if j.void {
		span.SetName("void", "attempt")
		err := p.Payments.Void(timeoutCtx, t.Payment)
		span.End(err)
		observe("void", "voided", start, err)
		if err != nil {
			return false, err
		}
		return true, ignoreRefusal(p.Results.Voided(ctx, j.id))
	}
	d, err := p.Payments.Pay(timeoutCtx, t.Payment)
	span.End(err)
	result := "declined"
	if d.Confirmed {
		result = "confirmed"
	}
	observe("pay", result, start, err)
	if err != nil {
		return false, err
	}
	return true, ignoreRefusal(p.Results.Settle(ctx, order.Settle{ID: j.id, Confirmed: d.Confirmed, Reason: d.Reason, Attempts: attempts}))
}

// reportFailure reports a failed call to the order. If the report is lost, the next one has the total number of calls.
func (p *Payer) reportFailure(ctx context.Context, j job, attempts int, failure error) {
	err := run.Catch(ctx, p.Log, "payer", func() error {
		return ignoreRefusal(p.Results.PaymentFailed(ctx, order.PaymentFailed{ID: j.id, Attempts: attempts, Error: describe(failure)}))
	})
	if err != nil {
		p.Log.WarnContext(ctx, "cannot report a failed payment call", "order", j.id, "error", err)
	}
}

// describe returns the text that customers see. The error itself may contain addresses.
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

// ignoreRefusal returns nil for a refusal: the order has received the report, so a retry is useless.
func ignoreRefusal(err error) error {
	if refusal := (*order.Refusal)(nil); errors.As(err, &refusal) {
		return nil
	}
	return err
}
