package simulate

import (
	"time"

	"orders/orders-actor/order"
)

type decision string

const (
	confirmed decision = "confirmed"
	declined  decision = "declined"
	voided    decision = "voided"
)

// ledger is payments-svc: it decides once per order, with first-write concurrency on its state, and keeps a mark when
// a void comes before the payment.
type ledger struct {
	w       *world
	entries map[string]*record
}

type record struct {
	status   decision
	amount   int64
	currency string
	charges  int
	etag     int
}

// pay asks payments-svc through both sidecars, which may lose or repeat it.
func (l *ledger) pay(p *proc, s order.State) (decision, bool) {
	return l.call(p, func(server *proc) (decision, bool) { return l.decide(server, s) })
}

func (l *ledger) void(p *proc, s order.State) bool {
	_, ok := l.call(p, func(server *proc) (decision, bool) { return l.revoke(server, s) })
	return ok
}

func (l *ledger) call(p *proc, do func(*proc) (decision, bool)) (decision, bool) {
	type answer struct {
		decision
		ok bool
	}
	w := l.w
	p.sleep(w.delay())
	away := w.plan.payAway && w.clock.now > 5*time.Second && w.clock.now < 25*time.Second
	if away || w.fault(w.plan.payFails) || w.fault(w.plan.lost) {
		return "", false
	}
	c := &call[answer]{waiter: p}
	w.clock.spawn(nil, w.delay(), func(server *proc) {
		d, ok := do(server)
		if !w.fault(w.plan.lost) {
			c.reply(answer{d, ok})
		}
	})
	if w.fault(w.plan.duplicate) {
		w.clock.spawn(nil, time.Duration(w.choose.Below(15_000))*time.Millisecond, func(server *proc) { do(server) })
	}
	a, ok := c.wait(callTimeout)
	return a.decision, ok && a.ok
}

// decide is PUT /payments/{id}: read, roll, write if nobody wrote meanwhile; else read again.
func (l *ledger) decide(p *proc, s order.State) (decision, bool) {
	rolled := confirmed
	if l.w.choose.Below(5) == 4 {
		rolled = declined
	}
	for range 5 {
		p.sleep(l.w.delay())
		if e := l.entries[s.ID]; e != nil {
			if e.status == voided {
				return declined, true
			}
			return e.status, true
		}
		p.sleep(l.w.delay())
		e := l.entries[s.ID]
		if e != nil && !l.w.wrong.LastWriteLedger {
			continue
		}
		fresh := &record{status: rolled, amount: s.Total, currency: s.Currency, etag: 1}
		if e != nil {
			fresh.charges = e.charges
		}
		if rolled == confirmed {
			fresh.charges++
		}
		l.entries[s.ID] = fresh
		l.w.tell("payments-svc: %s is %s", s.ID, rolled)
		return rolled, true
	}
	return "", false
}

// revoke is POST /payments/{id}/void.
func (l *ledger) revoke(p *proc, s order.State) (decision, bool) {
	for range 5 {
		p.sleep(l.w.delay())
		seen := 0
		if e := l.entries[s.ID]; e != nil {
			if e.status == voided {
				return voided, true
			}
			seen = e.etag
		} else if l.w.wrong.NoVoidMark {
			return voided, true
		}
		p.sleep(l.w.delay())
		e := l.entries[s.ID]
		if e == nil {
			e = &record{}
		}
		if e.etag != seen {
			continue
		}
		l.entries[s.ID] = &record{status: voided, amount: e.amount, currency: e.currency, charges: e.charges, etag: seen + 1}
		l.w.tell("payments-svc: %s is voided", s.ID)
		return voided, true
	}
	return "", false
}
