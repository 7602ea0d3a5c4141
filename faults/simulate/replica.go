package simulate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/reconcile"
	"orders/orders-actor/turn"
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
	payer      *turn.Worker
}

// activation is one order in this replica's memory, with its turn lock.
type activation struct {
	order   *turn.Order
	busy    bool
	waiting []*proc
}

// unheard is the log of the parts under test.
var unheard = slog.New(slog.DiscardHandler)

func (r *replica) start() {
	r.alive = true
	r.hosted = map[string]*activation{}
	r.procs = nil
	r.payer = turn.NewWorker(turn.WorkerConfig{
		Payments: r.w.ledger, Results: results{r.w}, Log: unheard, Queue: 16,
		Pause: func(_ context.Context, d time.Duration) { r.w.clock.running.sleep(r.w.about(d)) },
	})
	r.options = &turn.Options{
		Store: r.w.store, View: r.w.view, Reminders: r.w.reminders, Payer: r,
		Clock: r.w.clock.time, DeliverAfter: deliverAfter,
	}
	r.w.clock.spawn(r, r.w.about(lookEvery), r.reconcile)
}

func (r *replica) killAll() {
	for _, p := range r.procs {
		p.kill()
	}
	r.procs = nil
}

// turn is what package actor does: one turn at a time per order, and a failed one forgets what was loaded.
func (r *replica) turn(p *proc, id string, do action) result {
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

// reconcile is the reconciler's loop, with all pokes of a round at once.
func (r *replica) reconcile(p *proc) {
	r.reconciler = p
	loop := reconcile.New(reconcile.Config{View: r.w.view, Orders: results{r.w}, Log: unheard, Clock: r.w.clock.time})
	for {
		left := 0
		for _, id := range loop.Due(context.Background()) {
			left++
			r.w.clock.spawn(r, 0, func(*proc) {
				loop.Poke(context.Background(), id)
				left--
				p.wake()
			})
		}
		for left > 0 {
			p.sleep(parked)
		}
		p.sleep(r.w.about(lookEvery))
	}
}

// Pay and Void hand an order to the payer, which takes it up outside the turn.
func (r *replica) Pay(s order.State) {
	r.payer.Pay(s)
	r.work()
}

// Void is part of the payer, see Pay.
func (r *replica) Void(s order.State) {
	if r.w.wrong.NoVoidDebt {
		return
	}
	r.payer.Void(s)
	r.work()
}

func (r *replica) work() {
	r.w.clock.spawn(r, 0, func(*proc) { r.payer.Next(context.Background()) })
}

// results are the commands that payer and reconciler send to orders, wherever these are hosted.
type results struct{ w *world }

func (r results) Settle(_ context.Context, c order.Settle) error {
	return r.invoke(c.ID, func(ctx context.Context, o *turn.Order) (order.Order, error) { return o.Settle(ctx, c) })
}

func (r results) PaymentFailed(_ context.Context, c order.PaymentFailed) error {
	return r.invoke(c.ID, func(ctx context.Context, o *turn.Order) (order.Order, error) { return o.PaymentFailed(ctx, c) })
}

func (r results) Voided(_ context.Context, id string) error {
	return r.invoke(id, func(ctx context.Context, o *turn.Order) (order.Order, error) { return o.Voided(ctx) })
}

func (r results) Poke(_ context.Context, id string) error {
	return r.w.invoke(r.w.clock.running, id, poke).err
}

func (r results) invoke(id string, do func(context.Context, *turn.Order) (order.Order, error)) error {
	return r.w.invoke(r.w.clock.running, id, func(ctx context.Context, o *turn.Order) result {
		now, err := do(ctx, o)
		return result{order: now, err: err}
	}).err
}

func (r *replica) String() string {
	if r == nil {
		return "outside"
	}
	return "replica " + string(rune('A'+r.number))
}
