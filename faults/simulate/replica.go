package simulate

import (
	"context"
	"errors"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/turn"
	"orders/payments-svc/payment"
)

// replica is one process of orders-actor: it hosts actors, serves REST, pays, and reconciles. All of it dies at once.
type replica struct {
	w          *world
	number     int
	alive      bool
	procs      []*proc
	reconciler *proc
	options    *turn.Options
	hosted     map[string]*activation
	working    map[task]bool // what the payer is at
}

// activation is one order in this replica's memory, with its turn lock.
type activation struct {
	order   *turn.Order
	busy    bool
	waiting []*proc
}

func (r *replica) start() {
	r.alive = true
	r.hosted = map[string]*activation{}
	r.working = map[task]bool{}
	r.procs = nil
	r.options = &turn.Options{
		Store: r.w.store, View: r.w.view, Reminders: r.w.reminders, Payer: r,
		Clock: r.w.clock.time, DeliverAfter: deliverAfter,
	}
	r.w.clock.spawn(r, pokeEvery, func(p *proc) {
		r.reconciler = p
		for {
			r.reconcile(p)
			p.sleep(pokeEvery)
		}
	})
}

func (r *replica) killAll() {
	for _, p := range r.procs {
		p.kill()
	}
	r.procs = nil
}

// turn is what package actor does: one turn at a time per order, and a failed one forgets what was loaded.
func (r *replica) turn(p *proc, id string, do action, afresh bool) result {
	a := r.hosted[id]
	if a == nil {
		a = &activation{order: turn.New(r.options, id)}
		r.hosted[id] = a
	}
	for a.busy {
		a.waiting = append(a.waiting, p)
		p.park(callTimeout)
	}
	a.busy = true
	if afresh {
		a.order = turn.New(r.options, id)
	}
	res := do(context.Background(), a.order)
	if failed(res.err) || r.w.fault(r.w.plan.move) { // a move deactivates, if the old owner hears of it
		a.order = turn.New(r.options, id)
	}
	if conflict := (*order.Conflict)(nil); errors.As(res.err, &conflict) {
		r.w.conflicts++
	}
	a.busy = false
	for _, next := range a.waiting {
		next.wake()
	}
	a.waiting = nil
	return res
}

// reconcile pokes what should have moved on.
func (r *replica) reconcile(p *proc) {
	ids, err := r.w.view.Stuck(context.Background(), r.w.clock.time(), 5*time.Second, 3*time.Second, 100)
	if err != nil {
		return
	}
	for _, id := range ids {
		_ = r.w.invoke(p, id, poke)
	}
}

// Pay and Void are the payer, as turn.Worker does it: outside the turns, one task of a kind per order at a time, a few
// tries, and then the reconciler comes again.
func (r *replica) Pay(s order.State) {
	r.work(task{s.ID, "pay"}, func(p *proc, try int) bool {
		answer, err := r.w.ledger.pay(p, s)
		return err == nil && !failed(r.w.invoke(p, s.ID, func(ctx context.Context, o *turn.Order) result {
			now, err := o.Settle(ctx, order.Settle{
				ID: s.ID, Confirmed: answer.Status == payment.Confirmed, Reason: answer.Reason, Attempts: try,
			})
			return result{order: now, err: err}
		}).err)
	})
}

// Void is part of the payer, see Pay.
func (r *replica) Void(s order.State) {
	if r.w.wrong.NoVoidDebt {
		return
	}
	r.work(task{s.ID, "void"}, func(p *proc, _ int) bool {
		return r.w.ledger.void(p, s) == nil && !failed(r.w.invoke(p, s.ID, func(ctx context.Context, o *turn.Order) result {
			now, err := o.Voided(ctx)
			return result{order: now, err: err}
		}).err)
	})
}

// task is what the payer works at.
type task struct{ order, kind string }

func (r *replica) work(t task, once func(p *proc, try int) bool) {
	if r.working[t] {
		return
	}
	r.working[t] = true
	r.w.clock.spawn(r, 0, func(p *proc) {
		for try := 1; try <= 3 && !once(p, try); try++ {
			p.sleep(time.Duration(try*try) * 250 * time.Millisecond)
		}
		delete(r.working, t)
	})
}

func (r *replica) String() string {
	if r == nil {
		return "outside"
	}
	return "replica " + string(rune('A'+r.number))
}
