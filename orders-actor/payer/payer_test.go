package payer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// service is payments-svc and the orders behind the worker.
type service struct {
	pay    func(ctx context.Context, p payer.Payment) (payer.Decision, error)
	void   func(ctx context.Context, p payer.Payment) error
	settle func(c order.Settle) error

	mu      sync.Mutex
	paid    []string
	voided  []string
	settled []order.Settle
	heard   []string
	failed  []order.PaymentFailed
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
	s.heard = append(s.heard, id)
	return nil
}

func owing(id string) order.State {
	return order.State{Order: order.Order{ID: id, Total: 900, Currency: "EUR"}, Auth: alice}
}

// pass lets the bubble's clock run, and all that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// work runs a worker in a bubble, where time passes as fast as it can.
func work(t *testing.T, s *service, c payer.Config, test func(t *testing.T, w *payer.Payer, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		c.Payments, c.Results, c.Log = s, s, quiet()
		w := payer.New(c)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			assert.NoError(t, w.Run(ctx))
		}()
		stop := func() {
			cancel()
			<-ended
		}
		defer stop()
		test(t, w, stop)
	})
}

func TestThePaymentsAnswerComesBack(t *testing.T) {
	s := &service{pay: func(_ context.Context, p payer.Payment) (payer.Decision, error) {
		assert.Equal(t, payer.Payment{OrderID: p.OrderID, Amount: 900, Currency: "EUR", Auth: alice}, p)
		return payer.Decision{Confirmed: p.OrderID == "good", Reason: "why"}, nil
	}}
	work(t, s, payer.Config{Parallel: 1}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("good"))
		w.Pay(owing("bad"))
		w.Void(owing("cancelled"))
		synctest.Wait()
		assert.Equal(t, []order.Settle{
			{ID: "good", Confirmed: true, Reason: "why", Attempts: 1}, {ID: "bad", Reason: "why", Attempts: 1},
		}, s.settled)
		assert.Equal(t, []string{"cancelled"}, s.heard)
	})
}

func TestFailedCallsAreNotedAndCountedOnAcrossRestarts(t *testing.T) {
	fails := 4
	s := &service{pay: func(context.Context, payer.Payment) (payer.Decision, error) {
		if fails--; fails >= 0 {
			return payer.Decision{}, errors.New("dial 10.0.0.7: connection refused")
		}
		return payer.Decision{Confirmed: true}, nil
	}}
	work(t, s, payer.Config{}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("a"))
		pass(time.Hour)
		assert.Len(t, s.paid, 3)
		assert.Empty(t, s.settled)
		const away = "the payment service is unavailable"
		assert.Equal(t, []order.PaymentFailed{{ID: "a", Attempts: 1, Error: away}, {ID: "a", Attempts: 3, Error: away}}, s.failed)
	})
	work(t, s, payer.Config{}, func(t *testing.T, w *payer.Payer, _ func()) { // after a restart
		poked := owing("a")
		poked.Payment.Attempts = 3
		w.Pay(poked)
		pass(time.Hour)
		assert.Len(t, s.failed, 2)
		assert.Equal(t, []order.Settle{{ID: "a", Confirmed: true, Attempts: 5}}, s.settled)
	})
}

func TestAnOrderThatPanicsHoldsUpNoOther(t *testing.T) {
	s := &service{
		pay: func(_ context.Context, p payer.Payment) (payer.Decision, error) {
			if p.OrderID == "poisoned" {
				panic("ouch")
			}
			return payer.Decision{Confirmed: true}, nil
		},
		void: func(context.Context, payer.Payment) error { panic("ouch") },
	}
	work(t, s, payer.Config{Parallel: 1}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("poisoned"))
		w.Void(owing("poisoned"))
		w.Pay(owing("good"))
		pass(time.Hour)
		assert.Equal(t, []order.Settle{{ID: "good", Confirmed: true, Attempts: 1}}, s.settled)
		assert.Equal(t, []string{"poisoned", "poisoned", "poisoned", "good"}, s.paid, "tried as often as any failure")
		assert.Len(t, s.voided, 3)
		const text = "an internal error kept the payment service from being called"
		assert.Equal(t, []order.PaymentFailed{{ID: "poisoned", Attempts: 1, Error: text}, {ID: "poisoned", Attempts: 3, Error: text}}, s.failed)
		assert.Zero(t, w.Owing(), "the reconciler brings it again")
	})
	s.settle = func(order.Settle) error { panic("ouch") }
	work(t, s, payer.Config{Parallel: 1}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("answered"))
		pass(time.Hour)
		assert.Zero(t, w.Owing())
		s.settle = nil
		w.Pay(owing("next"))
		pass(time.Hour)
		assert.Equal(t, "next", s.settled[len(s.settled)-1].ID)
	})
}

func TestARefusedCallIsNotRepeatedAtOnce(t *testing.T) {
	s := &service{void: func(context.Context, payer.Payment) error { return fmt.Errorf("%w: 403", payer.ErrRefused) }}
	work(t, s, payer.Config{}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Void(owing("a"))
		pass(time.Hour)
		assert.Len(t, s.voided, 1)
	})
}

func TestAnOrderThatRefusesTheAnswerHasHeardIt(t *testing.T) {
	s := &service{settle: func(order.Settle) error { return order.NotFound() }}
	work(t, s, payer.Config{}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("a"))
		pass(time.Hour)
		assert.Len(t, s.paid, 1)
	})
	lost := 1
	s = &service{settle: func(order.Settle) error {
		if lost--; lost >= 0 {
			return actors.ErrUnavailable
		}
		return nil
	}}
	work(t, s, payer.Config{}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("a"))
		pass(time.Hour)
		assert.Len(t, s.settled, 1, "an answer that didn't arrive is brought again")
	})
}

func TestOneOrderIsAtWorkOnceAndTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &service{}
		s.pay = func(context.Context, payer.Payment) (payer.Decision, error) {
			<-release
			return payer.Decision{Confirmed: true}, nil
		}
		w := payer.New(payer.Config{Payments: s, Results: s, Log: quiet(), Parallel: 1, Queue: 2})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			assert.NoError(t, w.Run(ctx))
		}()
		w.Pay(owing("a"))
		synctest.Wait() // a is at work
		for range 3 {
			w.Pay(owing("a"))
			w.Pay(owing("b"))
			w.Pay(owing("c"))
			w.Pay(owing("d")) // no room
		}
		close(release)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c"}, s.paid)
		w.Pay(owing("a")) // it is over, so this is news
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c", "a"}, s.paid)
		cancel()
		<-ended
	})
}

func TestACallIsGivenUpInTime(t *testing.T) {
	s := &service{pay: func(ctx context.Context, _ payer.Payment) (payer.Decision, error) {
		<-ctx.Done()
		return payer.Decision{}, ctx.Err()
	}}
	work(t, s, payer.Config{CallTimeout: time.Second}, func(t *testing.T, w *payer.Payer, _ func()) {
		w.Pay(owing("a"))
		pass(time.Minute)
		assert.Len(t, s.paid, 3)
		assert.Equal(t, "the payment service did not answer in time", s.failed[0].Error)
	})
}

func TestStoppingFinishesTheCallThatRunsAndBeginsNone(t *testing.T) {
	s := &service{pay: func(ctx context.Context, _ payer.Payment) (payer.Decision, error) {
		select {
		case <-time.After(3 * time.Second):
			return payer.Decision{Confirmed: true}, nil
		case <-ctx.Done():
			return payer.Decision{}, ctx.Err()
		}
	}}
	work(t, s, payer.Config{Parallel: 1}, func(t *testing.T, w *payer.Payer, stop func()) {
		w.Pay(owing("a"))
		w.Pay(owing("b"))
		synctest.Wait()
		began := time.Now()
		stop()
		assert.Equal(t, 3*time.Second, time.Since(began)) // the bubble's clock
		assert.Equal(t, []string{"a"}, s.paid)
		assert.Len(t, s.settled, 1)
	})
	s.paid, s.settled = nil, nil
	work(t, s, payer.Config{Parallel: 1, Drain: time.Second}, func(t *testing.T, w *payer.Payer, stop func()) {
		w.Pay(owing("a"))
		synctest.Wait()
		began := time.Now()
		stop()
		assert.Equal(t, time.Second, time.Since(began))
		assert.Empty(t, s.settled)
	})
	require.Len(t, s.paid, 1)
}
