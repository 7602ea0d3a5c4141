package simulate

import (
	"context"
	"strconv"
	"time"

	"orders/kit/simulate"
	"orders/orders-actor/payer"
	"orders/payments-svc/payment"
)

// ledger is payments-svc: its real code on a fake of Dapr's state store, in which the first write wins.
type ledger struct {
	w       *world
	service *payment.Service
	entries map[string]*record
}

type record struct {
	payment payment.Payment
	version int
	charges int // number of saved charges
}

func newLedger(w *world) *ledger {
	l := &ledger{w: w, entries: map[string]*record{}}
	l.service = &payment.Service{Store: l, Confirm: func() bool { return w.IntN(5) < 4 }, Now: w.Now}
	if w.IntN(2) == 1 {
		l.service.Process = func(context.Context) error { return nil } // loads before it decides
	}
	return l
}

// Load implements payment.Store.
func (l *ledger) Load(_ context.Context, id string) (p payment.Payment, version string, err error) {
	err = l.w.Step("load the payment of "+id, func() {
		if e := l.entries[id]; e != nil && e.version > 0 {
			p, version = e.payment, strconv.Itoa(e.version)
		}
	})
	return p, version, err
}

// Save implements payment.Store.
func (l *ledger) Save(_ context.Context, p payment.Payment, version string) (err error) {
	lost := l.w.Step("save the payment of "+p.OrderID+" as "+string(p.Status), func() {
		now, held := "", l.entries[p.OrderID]
		if held != nil && held.version > 0 {
			now = strconv.Itoa(held.version)
		} else if held == nil {
			held = &record{}
			l.entries[p.OrderID] = held
		}
		if now != version && !l.w.mutation.LastWriteLedger {
			err = payment.ErrConflict
			return
		}
		if p.Status == payment.Confirmed {
			held.charges++
		}
		if p.Status == payment.Removed && l.w.mutation.LedgerForgets {
			held.payment, held.version = payment.Payment{}, 0
			return
		}
		held.payment, held.version = p, held.version+1
	})
	if lost != nil {
		return lost
	}
	return err
}

// Pay implements payer.Payments. The sidecars may lose or repeat the request.
func (l *ledger) Pay(_ context.Context, p payer.Payment) (payer.Decision, error) {
	decided, err := l.call(l.service.Pay, p)
	return payer.Decision{Confirmed: decided.Status == payment.Confirmed, Reason: decided.Reason}, err
}

// Void implements payer.Payments.
func (l *ledger) Void(_ context.Context, p payer.Payment) error {
	_, err := l.call(func(ctx context.Context, r payment.Request) (payment.Payment, error) {
		if l.w.mutation.NoVoidMark && l.entries[r.OrderID] == nil {
			return payment.Payment{}, nil
		}
		return l.service.Void(ctx, r)
	}, p)
	return err
}

func (l *ledger) call(do func(context.Context, payment.Request) (payment.Payment, error), p payer.Payment) (payment.Payment, error) {
	type answer struct {
		payment payment.Payment
		err     error
	}
	w := l.w
	w.Sleep(w.Delay())
	down := w.plan.payDown && w.Elapsed() > 5*time.Second && w.Elapsed() < 25*time.Second
	if down || w.Fault(w.plan.payFails) || w.Fault(w.Rates.Lost) {
		return payment.Payment{}, simulate.ErrLost
	}
	r := payment.Request{OrderID: p.OrderID, Amount: p.Amount, Currency: p.Currency}
	if w.Fault(w.Rates.Duplicate) {
		w.Go(time.Duration(w.IntN(15_000))*time.Millisecond, func() { _, _ = do(context.Background(), r) })
	}
	a, ok := simulate.Request(w.Simulation, nil, callTimeout, func() answer {
		done, err := do(context.Background(), r)
		return answer{done, err}
	})
	if !ok {
		return a.payment, simulate.ErrLost
	}
	return a.payment, a.err
}
