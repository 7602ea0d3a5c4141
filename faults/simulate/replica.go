package simulate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
	"orders/orders-actor/reconcile"
)

// replica is a process of orders-actor: it hosts actors, serves REST, pays and reconciles. A crash ends all of that at once.
type replica struct {
	w          *world
	number     int
	alive      bool
	procs      []*proc
	reconciler *proc
	activate   func(id string) actors.Actor
	hosted     map[string]*activation
	payer      *payer.Payer
	log        *slog.Logger
}

// activation is an order in the replica's memory, with the lock that allows one turn at a time.
type activation struct {
	actor   actors.Actor
	busy    bool
	waiting []*proc
}

// panicLog is the log of the code under test, which logs an error only for a panic that it has caught.
type panicLog struct {
	slog.Handler
	w *world
}

func (l panicLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l panicLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		l.w.panicked += " " + a.String()
		return true
	})
	return nil
}

func (r *replica) start() {
	r.alive = true
	r.hosted = map[string]*activation{}
	r.procs = nil
	r.log = slog.New(panicLog{slog.DiscardHandler, r.w})
	r.payer = payer.New(payer.Config{
		Payments: r.w.ledger, Results: r.w.orders, Log: r.log, Queue: 16,
		Sleep: func(_ context.Context, d time.Duration) { r.w.clock.running.sleep(r.w.jitter(d)) },
	})
	r.activate = orderactor.Activator(&orderactor.Options{
		Store: r.w.store, OrderDB: r.w.orderDB, Reminders: r.w.reminders, Payer: r,
		Clock: r.w.clock.time, DeliverAfter: deliverAfter,
	}, r.w.seal, r.log)
	r.w.clock.spawn(r, r.w.jitter(reconcileEvery), r.reconcile)
}

func (r *replica) killAll() {
	for _, p := range r.procs {
		p.kill()
	}
	r.procs = nil
}

// turn does what kit/actors does: it runs one turn at a time per order, and drops the activation after an error.
func (r *replica) turn(p *proc, id string, m message) (data []byte, err error) {
	a := r.hosted[id]
	if a == nil {
		a = &activation{actor: r.activate(id)}
		r.hosted[id] = a
	}
	for a.busy {
		a.waiting = append(a.waiting, p)
		p.sleep(callTimeout)
	}
	a.busy = true
	if m.method == "" {
		err = a.actor.Remind(context.Background(), "deliver")
	} else {
		data, err = a.actor.Invoke(context.Background(), m.method, r.w.accepted(id, m))
	}
	if err != nil || r.w.fault(r.w.plan.move) { // a move of the actor to another host
		a.actor = r.activate(id)
	}
	if conflict := (*order.Conflict)(nil); errors.As(err, &conflict) {
		r.w.Conflicts++
	}
	a.busy = false
	for _, next := range a.waiting {
		next.wake()
	}
	a.waiting = nil
	return data, err
}

// reconcile runs the reconciler, with all commands of a round at once.
func (r *replica) reconcile(p *proc) {
	r.reconciler = p
	var orders reconcile.Orders = r.w.orders
	if r.w.repairs {
		orders = repairing{r.w.orders}
	}
	loop := reconcile.New(reconcile.Config{OrderDB: r.w.orderDB, Orders: orders, Log: r.log, Clock: r.w.clock.time})
	for {
		left := 0
		for _, id := range loop.Select(context.Background()) {
			left++
			r.w.clock.spawn(r, 0, func(*proc) {
				loop.Resume(context.Background(), id)
				left--
				p.wake()
			})
		}
		for left > 0 {
			p.sleep(parked)
		}
		p.sleep(r.w.jitter(reconcileEvery))
	}
}

// Pay hands an order to the payer, which works outside of the turn.
func (r *replica) Pay(s order.State) {
	r.payer.Pay(s)
	r.work()
}

// Void does the same for a void.
func (r *replica) Void(s order.State) {
	if r.w.mutation.NoPendingVoid {
		return
	}
	r.payer.Void(s)
	r.work()
}

func (r *replica) work() {
	r.w.clock.spawn(r, 0, func(*proc) { r.payer.RunNext(context.Background()) })
}

func (r *replica) String() string {
	if r == nil {
		return "outside"
	}
	return "replica " + string(rune('A'+r.number))
}

// repairing repairs orders where the reconciler resumes them, as an operator may at any moment.
type repairing struct{ *orderactor.Client }

func (r repairing) Resume(ctx context.Context, id string) error {
	_, _, err := r.Repair(ctx, id, order.Repair{})
	return err
}
