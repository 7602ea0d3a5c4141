package payer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/payer"
)

var alice = order.Auth{User: "alice", Role: "customer"}

// service stands in for payments-svc and for the orders.
type service struct {
	pay    func(ctx context.Context, p payer.Payment) (payer.Decision, error)
	void   func(ctx context.Context, p payer.Payment) error
	settle func(c order.Settle) error

	mu       sync.Mutex
	paid     []string
	voided   []string
	settled  []order.Settle
	reported []string // to Voided
	failed   []order.PaymentFailed
}

func (s *service) Pay(ctx context.Context, p payer.Payment) (payer.Decision, error) {
	s.mu.Lock()
	s.paid = append(s.paid, p.OrderID)
	s.mu.Unlock()
	if s.pay == nil {
		return payer.Decision{Confirmed: true}, nil
	}
	return s.pay(ctx, p)
}

func (s *service) Void(ctx context.Context, p payer.Payment) error {
	s.mu.Lock()
	s.voided = append(s.voided, p.OrderID)
	s.mu.Unlock()
	if s.void == nil {
		return nil
	}
	return s.void(ctx, p)
}

func (s *service) Settle(_ context.Context, c order.Settle) error {
	if s.settle != nil {
		if err := s.settle(c); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = append(s.settled, c)
	return nil
}

func (s *service) PaymentFailed(_ context.Context, c order.PaymentFailed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, c)
	return nil
}

func (s *service) Voided(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported = append(s.reported, id)
	return nil
}

func pending(id string) order.State {
	return order.State{Order: order.Order{ID: id, Customer: "alice", Total: 900, Currency: "EUR"}, Auth: alice}
}

// advance advances the synctest clock by d, and waits until all goroutines are blocked.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// runPayer runs test beside a Payer, on the clock of synctest.
func runPayer(t *testing.T, s *service, c payer.Config, test func(t *testing.T, p *payer.Payer, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		c.Payments, c.Results, c.Log = s, s, slog.New(slog.DiscardHandler)
		p := payer.New(c)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			assert.NoError(t, p.Run(ctx))
		}()
		stop := func() {
			cancel()
			<-ended
		}
		defer stop()
		test(t, p, stop)
	})
}

func TestResultsAreReportedToOrders(t *testing.T) {
	s := &service{pay: func(_ context.Context, p payer.Payment) (payer.Decision, error) {
		assert.Equal(t, payer.Payment{OrderID: p.OrderID, Amount: 900, Currency: "EUR", Customer: "alice"}, p)
		return payer.Decision{Confirmed: p.OrderID == "good", Reason: "why"}, nil
	}}
	runPayer(t, s, payer.Config{Parallel: 1}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("good"))
		p.Pay(pending("bad"))
		p.Void(pending("cancelled"))
		synctest.Wait()
		assert.Equal(t, []order.Settle{
			{ID: "good", Confirmed: true, Reason: "why", Attempts: 1}, {ID: "bad", Reason: "why", Attempts: 1},
		}, s.settled)
		assert.Equal(t, []string{"cancelled"}, s.reported)
	})
}

func TestFailedCallsAreReportedAndCountedAcrossRestarts(t *testing.T) {
	fails := 4
	s := &service{pay: func(context.Context, payer.Payment) (payer.Decision, error) {
		if fails--; fails >= 0 {
			return payer.Decision{}, errors.New("dial 10.0.0.7: connection refused")
		}
		return payer.Decision{Confirmed: true}, nil
	}}
	runPayer(t, s, payer.Config{}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("a"))
		advance(time.Hour)
		assert.Len(t, s.paid, 3)
		assert.Empty(t, s.settled)
		const unavailable = "the payment service is unavailable"
		assert.Equal(t, []order.PaymentFailed{{ID: "a", Attempts: 1, Error: unavailable}, {ID: "a", Attempts: 3, Error: unavailable}}, s.failed)
	})
	runPayer(t, s, payer.Config{}, func(t *testing.T, p *payer.Payer, _ func()) { // after a restart
		resumed := pending("a")
		resumed.Payment.Attempts = 3
		p.Pay(resumed)
		advance(time.Hour)
		assert.Len(t, s.failed, 2)
		assert.Equal(t, []order.Settle{{ID: "a", Confirmed: true, Attempts: 5}}, s.settled)
	})
}

func TestPanicAffectsOnlyItsOrder(t *testing.T) {
	s := &service{
		pay: func(_ context.Context, p payer.Payment) (payer.Decision, error) {
			if p.OrderID == "panics" {
				panic("test")
			}
			return payer.Decision{Confirmed: true}, nil
		},
		void: func(context.Context, payer.Payment) error { panic("test") },
	}
	runPayer(t, s, payer.Config{Parallel: 1}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("panics"))
		p.Void(pending("panics"))
		p.Pay(pending("good"))
		advance(time.Hour)
		assert.Equal(t, []order.Settle{{ID: "good", Confirmed: true, Attempts: 1}}, s.settled)
		assert.Equal(t, []string{"panics", "panics", "panics", "good"}, s.paid, "as many calls as after any failure")
		assert.Len(t, s.voided, 3)
		const text = "an internal error kept the payment service from being called"
		assert.Equal(t, []order.PaymentFailed{{ID: "panics", Attempts: 1, Error: text}, {ID: "panics", Attempts: 3, Error: text}}, s.failed)
		assert.Zero(t, p.Pending(), "the reconciler queues it again")
	})
	s.settle = func(order.Settle) error { panic("test") }
	runPayer(t, s, payer.Config{Parallel: 1}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("answered"))
		advance(time.Hour)
		assert.Zero(t, p.Pending())
		s.settle = nil
		p.Pay(pending("next"))
		advance(time.Hour)
		assert.Equal(t, "next", s.settled[len(s.settled)-1].ID)
	})
}

func TestRefusedCallIsNotRetried(t *testing.T) {
	s := &service{void: func(context.Context, payer.Payment) error { return fmt.Errorf("%w: 403", payer.ErrRefused) }}
	runPayer(t, s, payer.Config{}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Void(pending("a"))
		advance(time.Hour)
		assert.Len(t, s.voided, 1)
	})
}

func TestReportIsRetriedAfterFailureButNotAfterRefusal(t *testing.T) {
	s := &service{settle: func(order.Settle) error { return order.NotFound() }}
	runPayer(t, s, payer.Config{}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("a"))
		advance(time.Hour)
		assert.Len(t, s.paid, 1)
	})
	lost := 1
	s = &service{settle: func(order.Settle) error {
		if lost--; lost >= 0 {
			return actors.ErrUnavailable
		}
		return nil
	}}
	runPayer(t, s, payer.Config{}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("a"))
		advance(time.Hour)
		assert.Len(t, s.settled, 1, "a lost report is repeated")
	})
}

func TestQueueIsBoundedAndHasEachOrderOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &service{}
		s.pay = func(context.Context, payer.Payment) (payer.Decision, error) {
			<-release
			return payer.Decision{Confirmed: true}, nil
		}
		p := payer.New(payer.Config{Payments: s, Results: s, Log: slog.New(slog.DiscardHandler), Parallel: 1, Queue: 2})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			assert.NoError(t, p.Run(ctx))
		}()
		p.Pay(pending("a"))
		synctest.Wait() // a is running
		for range 3 {
			p.Pay(pending("a"))
			p.Pay(pending("b"))
			p.Pay(pending("c"))
			p.Pay(pending("d")) // the queue is full
		}
		close(release)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c"}, s.paid)
		p.Pay(pending("a")) // the first payment has ended
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c", "a"}, s.paid)
		cancel()
		<-ended
	})
}

func TestCallEndsAfterItsTimeout(t *testing.T) {
	s := &service{pay: func(ctx context.Context, _ payer.Payment) (payer.Decision, error) {
		<-ctx.Done()
		return payer.Decision{}, ctx.Err()
	}}
	runPayer(t, s, payer.Config{CallTimeout: time.Second}, func(t *testing.T, p *payer.Payer, _ func()) {
		p.Pay(pending("a"))
		advance(time.Minute)
		assert.Len(t, s.paid, 3)
		assert.Equal(t, "the payment service did not answer in time", s.failed[0].Error)
	})
}

func TestStopDrainsRunningCallsAndStartsNone(t *testing.T) {
	s := &service{pay: func(ctx context.Context, _ payer.Payment) (payer.Decision, error) {
		select {
		case <-time.After(3 * time.Second):
			return payer.Decision{Confirmed: true}, nil
		case <-ctx.Done():
			return payer.Decision{}, ctx.Err()
		}
	}}
	runPayer(t, s, payer.Config{Parallel: 1}, func(t *testing.T, p *payer.Payer, stop func()) {
		p.Pay(pending("a"))
		p.Pay(pending("b"))
		synctest.Wait()
		start := time.Now()
		stop()
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, []string{"a"}, s.paid)
		assert.Len(t, s.settled, 1)
	})
	s.paid, s.settled = nil, nil
	runPayer(t, s, payer.Config{Parallel: 1, Drain: time.Second}, func(t *testing.T, p *payer.Payer, stop func()) {
		p.Pay(pending("a"))
		synctest.Wait()
		start := time.Now()
		stop()
		assert.Equal(t, time.Second, time.Since(start))
		assert.Empty(t, s.settled)
	})
	require.Len(t, s.paid, 1)
}

func TestJobsTellTriesAndLastError(t *testing.T) {
	down := true
	s := &service{
		pay: func(ctx context.Context, _ payer.Payment) (payer.Decision, error) {
			<-ctx.Done()
			return payer.Decision{}, ctx.Err()
		},
		void: func(context.Context, payer.Payment) error {
			if down {
				return errors.New("503 Service Unavailable")
			}
			return nil
		},
	}
	synctest.Test(t, func(t *testing.T) {
		p := payer.New(payer.Config{Payments: s, Results: s, Log: slog.New(slog.DiscardHandler), Parallel: 1})
		assert.Empty(t, p.Jobs("cancelled"))
		p.Void(pending("cancelled"))
		assert.Equal(t, []order.Job{{Void: true, State: order.JobQueued}}, p.Jobs("cancelled"))
		p.RunNext(t.Context())
		failed := []order.Job{{Void: true, State: order.JobFailed, Tries: 3, LastError: "503 Service Unavailable"}}
		assert.Equal(t, failed, p.Jobs("cancelled"), "it is left to the reconciler")
		p.Void(pending("cancelled"))
		p.RunNext(t.Context())
		assert.Equal(t, 6, p.Jobs("cancelled")[0].Tries)
		down = false
		p.Void(pending("cancelled"))
		p.RunNext(t.Context())
		assert.Empty(t, p.Jobs("cancelled"))

		unpaid := pending("unpaid")
		unpaid.Payment.Attempts = 4
		p.Pay(unpaid)
		go p.RunNext(t.Context())
		synctest.Wait()
		assert.Equal(t, []order.Job{{State: order.JobRunning, Tries: 4}}, p.Jobs("unpaid"))
	})
}
