// Package orderactor is the Order actor: the turns of one order.
//
// A turn loads the state (once per activation), decides with package order, registers the delivery reminder if the new
// state needs it, saves the state, puts the new version into the order database, hands a pending payment or void to the
// Payer, and then replies. It follows that
//
//   - what a reply says is stored in both databases;
//   - a turn that stops between any two steps may be repeated by the caller, the reminder or the reconciler: each step is
//     idempotent, and a turn without a decision still puts the current version into the order database;
//   - a confirmed order always has a reminder, because it is registered before the state is saved;
//   - a state store that has lost an order, or holds an older version of it, is restored from the order database: by the
//     turn that finds no state, or by the one whose older version the order database rejects;
//   - a cancel never waits for a payment: the Payer calls payments-svc outside of turns, and reports the result in a turn
//     of its own (settle, voided). A payment reported after the cancel changes nothing.
//
// The host (kit/actors) must run one turn at a time per order, and discard an Order after any error, so that the next turn
// loads the state again. While placement moves an order, two hosts may run it at the same time, and actor state has no
// compare-and-set. The order database is the arbiter between them, before a turn replies.
package orderactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"orders/orders-actor/order"
)

//go:generate env GOWORK=off go tool -modfile=../../tools/mockgen/go.mod mockgen -source=order.go -destination=mock_test.go -package=orderactor_test -write_command_comment=false

// Store is the state store. Load reports false for an order that was never saved.
type Store interface {
	Load(ctx context.Context, id string) (order.State, bool, error)
	Save(ctx context.Context, s order.State) error
}

// OrderDB is the order database, the arbiter between two hosts of one order. Put returns *order.Conflict if it holds a
// newer version, or the same version with other content; putting the same version again is allowed. Find reports false for
// an order that it does not hold.
type OrderDB interface {
	Put(ctx context.Context, s order.State) error
	Find(ctx context.Context, id string) (order.State, bool, error)
}

// Reminders start a turn of an order when it is due, and retry until that turn succeeds. Set replaces an earlier reminder.
type Reminders interface {
	Set(ctx context.Context, id string, due time.Time) error
	// Remove removes the reminder with this name, if it exists.
	Remove(ctx context.Context, id, name string) error
}

// Payer pays and voids outside of turns. Both methods return at once. They may drop the order: the reconciler resumes it.
type Payer interface {
	Pay(s order.State)
	Void(s order.State)
}

// Options are shared by all orders of a host.
type Options struct {
	Store        Store
	OrderDB      OrderDB
	Reminders    Reminders
	Payer        Payer
	Clock        func() time.Time
	DeliverAfter time.Duration // from the confirmation to the delivery
	Log          *slog.Logger  // gets a line per transition; nil for none

	Host string                      // names this replica in inspections
	Jobs func(id string) []order.Job // returns the payer's jobs of an order, for inspections; nil for none
}

// Order is one activation of the actor. Its methods are the turns. They must not overlap, and after an error the Order must
// not be used again.
type Order struct {
	*Options
	id     string
	loaded bool
	exists bool
	state  order.State
}

// New activates the order with this id. The first turn loads its state.
func New(o *Options, id string) *Order { return &Order{Options: o, id: id} }

// Create creates the order. If it exists, Create returns the order as it is now (Replayed, unless Dapr executed the call
// that created the order twice), or the refusal KeyReused if the content differs. Invalid input returns *order.Invalid.
func (o *Order) Create(ctx context.Context, c order.Create) (Result, error) {
	load := o.load
	if c.NewID && !o.loaded {
		r, err := o.createNew(ctx, c)
		if conflict := (*order.Conflict)(nil); !errors.As(err, &conflict) {
			return r, err
		}
		load = o.loadOrRestore // Dapr has executed this call before, and it may have stopped before its save
	}
	if err := load(ctx); err != nil {
		return Result{}, err
	}
	if o.exists {
		replayed, err := o.state.CheckReplay(c)
		if err != nil {
			return Result{}, err
		}
		if replayed {
			replays.Inc()
		}
		// The turn that created the order may have stopped before it put it into the order database.
		return Result{Order: o.state.Order, Replayed: replayed}, o.publish(ctx)
	}
	s, err := order.New(c, o.Clock())
	if err != nil {
		return Result{}, err
	}
	return Result{Order: s.Order}, o.commit(ctx, s)
}

// createNew creates an order whose id is new, without a load: the order database tells whether Dapr has executed the call
// before. The order is put before it is saved, so that such a second execution overwrites nothing. If the turn stops between
// the two, the store has no state, which the next turn restores from the order database.
func (o *Order) createNew(ctx context.Context, c order.Create) (Result, error) {
	s, err := order.New(c, o.Clock())
	if err != nil {
		return Result{}, err
	}
	if err := o.OrderDB.Put(ctx, s); err != nil {
		return Result{}, fmt.Errorf("put new order %s: %w", o.id, err)
	}
	if err := o.save(ctx, s); err != nil {
		return Result{}, err
	}
	o.loaded = true
	o.observe(ctx, "", time.Time{}, s)
	o.Payer.Pay(s)
	return Result{Order: s.Order}, nil
}

// Settle applies the decision of the payment. It changes nothing unless the order is created.
func (o *Order) Settle(ctx context.Context, c order.Settle) (Result, error) {
	if err := o.loadExisting(ctx); err != nil {
		return Result{}, err
	}
	next, changed := o.state.Settle(c, o.Clock(), o.DeliverAfter)
	return o.finish(ctx, next, changed)
}

// Cancel cancels the order, or returns a *order.Refusal. It may be repeated. Changed reports whether this call cancelled
// the order, also if Dapr executes the call twice.
func (o *Order) Cancel(ctx context.Context, c order.Cancel) (Result, error) {
	if err := o.loadExisting(ctx); err != nil {
		return Result{}, err
	}
	next, changed, err := o.state.Cancel(c, o.Clock())
	if err != nil {
		return Result{}, err
	}
	r, err := o.finish(ctx, next, changed)
	r.Changed = changed || next.CancelledBy(c)
	return r, err
}

// PaymentFailed stores failed calls to payments-svc, without a new version. It does not hand the order to the
// Payer, which is still working on it.
func (o *Order) PaymentFailed(ctx context.Context, c order.PaymentFailed) (Result, error) {
	if err := o.loadExisting(ctx); err != nil {
		return Result{}, err
	}
	next, changed := o.state.PaymentFailed(c, o.Clock())
	if !changed {
		return Result{Order: o.state.Order}, nil
	}
	if err := o.save(ctx, next); err != nil {
		return Result{}, err
	}
	return Result{Order: next.Order}, o.put(ctx)
}

// Voided stores that payments-svc has the void. It saves even if this activation knows that already: another host may have
// restored the store to a state whose void is pending (see restoreStore).
func (o *Order) Voided(ctx context.Context, _ order.Voided) (Result, error) {
	if err := o.loadExisting(ctx); err != nil {
		return Result{}, err
	}
	next, _ := o.state.Voided()
	return o.finish(ctx, next, next.Status == order.Cancelled)
}

// Resume makes an order continue that is stuck: it delivers one that is due, sets the reminder of another confirmed order again,
// puts the current version into the order database, and hands a pending payment or void to the Payer. With Repair it does
// more, see repair.
func (o *Order) Resume(ctx context.Context, c order.Resume) (Result, error) {
	if c.Repair != nil {
		return o.repair(ctx, *c.Repair)
	}
	if err := o.loadExisting(ctx); err != nil {
		return Result{}, err
	}
	next, changed := o.state.Deliver(o.Clock())
	if !changed && next.Status == order.Confirmed { // the scheduler may have lost the reminder
		if err := o.setReminder(ctx, next); err != nil {
			return Result{}, err
		}
	}
	return o.finish(ctx, next, changed)
}

// Deliver is the turn of the reminder. The reminder may fire late or twice, and for an order that was cancelled or whose
// confirmation was never saved: then nothing changes. If it fires before the order is due by this replica's clock, it is set
// again. If the order needs no reminder any more, the reminder is removed: any app in the namespace can replace ours with
// one that repeats forever.
func (o *Order) Deliver(ctx context.Context) error {
	if err := o.loadOrRestore(ctx); err != nil {
		return err
	}
	if !o.exists || o.state.IsRemoved() {
		return o.removeReminder(ctx)
	}
	next, changed := o.state.Deliver(o.Clock())
	if !changed && next.Status == order.Confirmed {
		return o.setReminder(ctx, next)
	}
	if _, err := o.finish(ctx, next, changed); err != nil {
		return err
	}
	if !changed && next.Status.Final() { // after a delivery the scheduler removes our reminder itself
		return o.removeReminder(ctx)
	}
	return nil
}

// load loads the state, if this activation has not. It puts the state into the order database: the previous host may have
// stopped before it did, or another host may have newer versions.
func (o *Order) load(ctx context.Context) (err error) {
	if o.loaded {
		return nil
	}
	if o.state, o.exists, err = o.Store.Load(ctx, o.id); err != nil {
		return fmt.Errorf("load order %s: %w", o.id, err)
	}
	if o.exists {
		if err := o.put(ctx); err != nil {
			return err
		}
	}
	o.loaded = true
	return nil
}

// loadOrRestore loads the order. If the store has no state, it restores the order from the order database: the store may
// have lost it in a power failure, or may have been restored from an older backup. A create with a key does not need this: the
// order database rejects a second version 1, which restores the store too.
func (o *Order) loadOrRestore(ctx context.Context) error {
	if err := o.load(ctx); err != nil || o.exists {
		return err
	}
	held, found, err := o.OrderDB.Find(ctx, o.id)
	if err != nil {
		return fmt.Errorf("find order %s in the order database: %w", o.id, err)
	}
	if !found {
		return nil
	}
	if err := o.restoreStore(ctx, held); err != nil {
		return err
	}
	o.state, o.exists = held, true
	return nil
}

// loadExisting is loadOrRestore with a refusal if the order does not exist, or was removed.
func (o *Order) loadExisting(ctx context.Context) error {
	if err := o.loadOrRestore(ctx); err != nil {
		return err
	}
	if !o.exists || o.state.IsRemoved() {
		return order.NotFound()
	}
	return nil
}

// finish commits next. Without a change it publishes the current state again, because an earlier turn may have stopped after
// its save.
func (o *Order) finish(ctx context.Context, next order.State, changed bool) (Result, error) {
	if !changed {
		return Result{Order: o.state.Order}, o.publish(ctx)
	}
	return Result{Order: next.Order}, o.commit(ctx, next)
}

// commit stores next. The turn may stop after any step: the sequence of the steps keeps the order recoverable.
func (o *Order) commit(ctx context.Context, next order.State) error {
	if next.Status == order.Confirmed {
		if err := o.setReminder(ctx, next); err != nil {
			return err
		}
	}
	from, since := o.state.Status, o.state.UpdatedAt
	if err := o.save(ctx, next); err != nil {
		return err
	}
	if err := o.publish(ctx); err != nil {
		return err
	}
	if from != next.Status { // not if only the void is stored
		o.observe(ctx, from, since, next)
	}
	return nil
}

// save makes next the state of the order and of the store.
func (o *Order) save(ctx context.Context, next order.State) error {
	if err := o.Store.Save(ctx, next); err != nil {
		return fmt.Errorf("save order %s: %w", o.id, err)
	}
	o.state, o.exists = next, true
	return nil
}

// publish puts the saved state into the order database, and hands a pending payment or void to the Payer.
func (o *Order) publish(ctx context.Context) error {
	if err := o.put(ctx); err != nil {
		return err
	}
	switch {
	case o.state.Status == order.Created:
		o.Payer.Pay(o.state)
	case o.state.VoidPending:
		o.Payer.Void(o.state)
	}
	return nil
}

// put puts the saved state into the order database. After a conflict it restores the store, and the turn fails: its retry
// finds the accepted state.
func (o *Order) put(ctx context.Context) error {
	err := o.OrderDB.Put(ctx, o.state)
	if conflict := (*order.Conflict)(nil); errors.As(err, &conflict) {
		conflicts.Inc()
		err = errors.Join(err, o.restoreStore(ctx, conflict.Held))
	}
	if err != nil {
		return fmt.Errorf("put version %d of order %s: %w", o.state.Version, o.id, err)
	}
	return nil
}

// restoreStore saves the state that the order database holds, after it has registered the reminder that the state needs.
func (o *Order) restoreStore(ctx context.Context, held order.State) error {
	if held.Status == order.Confirmed {
		if err := o.setReminder(ctx, held); err != nil {
			return err
		}
	}
	if err := o.Store.Save(ctx, held); err != nil {
		return fmt.Errorf("restore order %s: %w", o.id, err)
	}
	return nil
}

func (o *Order) setReminder(ctx context.Context, s order.State) error {
	if err := o.Reminders.Set(ctx, o.id, *s.DeliverAt); err != nil {
		return fmt.Errorf("set reminder of order %s: %w", o.id, err)
	}
	return nil
}

func (o *Order) removeReminder(ctx context.Context) error {
	if err := o.Reminders.Remove(ctx, o.id, reminderDeliver); err != nil {
		return fmt.Errorf("remove reminder of order %s: %w", o.id, err)
	}
	return nil
}
