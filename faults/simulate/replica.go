package simulate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"orders/kit/actors"
	"orders/kit/simulate"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
	"orders/orders-actor/reconcile"
)

// replica is what a process of orders-actor has in memory beside its actors: it pays and reconciles.
type replica struct {
	*simulate.Replica
	w     *world
	payer *payer.Payer
	log   *slog.Logger
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

func (w *world) start(home *simulate.Replica) func(id string) actors.Actor {
	r := &replica{Replica: home, w: w, log: slog.New(panicLog{slog.DiscardHandler, w})}
	r.payer = payer.New(payer.Config{
		Payments: w.ledger, Results: w.orders, Log: r.log, Queue: 16,
		Sleep: func(_ context.Context, d time.Duration) { w.Sleep(w.Jitter(d)) },
	})
	activate := orderactor.Activator(&orderactor.Options{
		Store: w.store, OrderDB: w.orderDB, Reminders: w.reminders, Payer: r,
		Clock: w.Now, DeliverAfter: deliverAfter,
	}, w.seal, r.log)
	r.Background(w.Jitter(reconcileEvery), r.reconcile)
	return func(id string) actors.Actor { return hosted{activate(id), w, id} }
}

// hosted is an order in a replica. It counts conflicts, and opens commands according to the mutation.
type hosted struct {
	actors.Actor
	w  *world
	id string
}

func (h hosted) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	reply, err := h.Actor.Invoke(ctx, method, h.w.accepted(h.id, method, body))
	h.count(err)
	return reply, err
}

func (h hosted) Remind(ctx context.Context, name string) error {
	err := h.Actor.Remind(ctx, name)
	h.count(err)
	return err
}

func (h hosted) count(err error) {
	if conflict := (*order.Conflict)(nil); errors.As(err, &conflict) {
		h.w.counters.Conflicts++
	}
}

// reconcile runs the reconciler, with all commands of a round at once.
func (r *replica) reconcile() {
	self := r.w.Running()
	var orders reconcile.Orders = r.w.orders
	if r.w.repairs {
		orders = repairing{r.w.orders}
	}
	loop := reconcile.New(reconcile.Config{OrderDB: r.w.orderDB, Orders: orders, Log: r.log, Clock: r.w.Now})
	for {
		left := 0
		for _, id := range loop.Select(context.Background()) {
			left++
			r.Go(0, func() {
				loop.Resume(context.Background(), id)
				left--
				self.Wake()
			})
		}
		for left > 0 {
			r.w.Park()
		}
		r.w.Sleep(r.w.Jitter(reconcileEvery))
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
	r.Go(0, func() { r.payer.RunNext(context.Background()) })
}

// repairing repairs orders where the reconciler resumes them, as an operator may at any moment.
type repairing struct{ *orderactor.Client }

func (r repairing) Resume(ctx context.Context, id string) error {
	_, _, err := r.Repair(ctx, id, order.Repair{})
	return err
}
