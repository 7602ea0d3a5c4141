// Package orderactor is the Order actor: what happens when a command or a reminder reaches one order.
//
// A turn loads the order's state (once per activation), decides in pure code (package order), registers the delivery
// reminder if the new state will need it, saves the state, puts the new version into the list view, and only then
// replies. It guarantees:
//
//   - What a reply says is durable, and visible in the list view.
//   - A turn that stops between any two steps may be repeated, by whoever comes next: the caller, the reminder or the
//     reconciler. Every step is idempotent, and a turn that finds nothing left to decide still puts the current
//     version into the view.
//   - A confirmed order always has a reminder: it is registered before the state is saved.
//   - A store that has lost an order, or holds an older version of it, is repaired from the view: by the turn that finds no
//     state, or by the view's refusal of what is older.
//   - A turn calls nobody but the state store, the scheduler and the view. Payments and voids are handed to the Payer,
//     which works outside the turn and comes back with a turn of its own (settle, voided); so a cancel never waits for
//     a payment, and a payment that comes back after the cancel changes nothing.
//
// It relies on the host (package actor) to run one turn at a time per order, and to throw an Order away after any
// error, so that the next turn loads its state afresh. Two hosts may run an order at the same moment while placement
// moves it, and actor state knows no compare-and-set. There the view decides, before anything is acknowledged (see View).
package orderactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/orders-actor/order"
)

// Store holds an order's state durably. Load reports false for an order that was never saved.
type Store interface {
	Load(ctx context.Context, id string) (order.State, bool, error)
	Save(ctx context.Context, s order.State) error
}

// OrderDB is the order database, and the arbiter between two replicas that ran the same order at the same moment: Put
// returns *order.Conflict when it holds a newer version, or the same version with other content. The same again is fine.
// Find reports false for an order that it does not hold.
type OrderDB interface {
	Put(ctx context.Context, s order.State) error
	Find(ctx context.Context, id string) (order.State, bool, error)
}

// Reminders wake an order when it is due, until that turn succeeds. Set replaces what was set before.
type Reminders interface {
	Set(ctx context.Context, id string, due time.Time) error
	// Remove ends the reminder with this name. One that does not exist is fine.
	Remove(ctx context.Context, id, name string) error
}

// Payer takes over what an order owes to payments-svc. Both return at once, and may forget: the reconciler's poke
// hands it over again.
type Payer interface {
	Pay(s order.State)
	Void(s order.State)
}

// Options are what every Order of a host shares.
type Options struct {
	Store        Store
	OrderDB      OrderDB
	Reminders    Reminders
	Payer        Payer
	Clock        func() time.Time
	DeliverAfter time.Duration
}

// Order is one activation of the actor. Its methods are the turns; they must not overlap. After an error the Order is
// spent: make a new one.
type Order struct {
	*Options
	id     string
	loaded bool
	exists bool
	state  order.State
}

// New activates the order with this id. It loads nothing yet.
func New(o *Options, id string) *Order { return &Order{Options: o, id: id} }

// Create makes the order, unless it exists already: then the same create again is answered with the order as it is now
// (replayed, unless it is the very call that made it), and any other one is refused with KeyReused. It returns
// *order.Invalid for bad input.
func (o *Order) Create(ctx context.Context, c order.Create) (_ order.Order, replayed bool, _ error) {
	if err := o.load(ctx); err != nil {
		return order.Order{}, false, err
	}
	if o.exists {
		replayed, err := o.state.Recreate(c)
		if err != nil {
			return order.Order{}, false, err
		}
		// The turn that made it may have stopped before the view or the payer heard of it.
		return o.state.Order, replayed, o.settleDown(ctx)
	}
	s, err := order.New(c, o.Clock())
	if err != nil {
		return order.Order{}, false, err
	}
	return s.Order, false, o.commit(ctx, s)
}

// Settle brings the payment's answer. On an order that has moved on it changes nothing.
func (o *Order) Settle(ctx context.Context, c order.Settle) (order.Order, error) {
	if err := o.mustLoad(ctx); err != nil {
		return order.Order{}, err
	}
	next, changed := o.state.Settle(c, o.Clock(), o.DeliverAfter)
	return o.finish(ctx, next, changed)
}

// Cancel ends the order, or returns a *order.Refusal. Repeating it is fine. It reports whether this call cancelled the
// order, also when Dapr executes the call twice.
func (o *Order) Cancel(ctx context.Context, c order.Cancel) (_ order.Order, changed bool, _ error) {
	if err := o.mustLoad(ctx); err != nil {
		return order.Order{}, false, err
	}
	next, moved, err := o.state.Cancel(c, o.Clock())
	if err != nil {
		return order.Order{}, false, err
	}
	done, err := o.finish(ctx, next, moved)
	return done, moved || next.CancelledBy(c), err
}

// PaymentFailed notes that calls to payments-svc failed. The note reaches the store and the view without a new version, and
// hands nothing to the Payer, which is still at work on this order.
func (o *Order) PaymentFailed(ctx context.Context, c order.PaymentFailed) (order.Order, error) {
	if err := o.mustLoad(ctx); err != nil {
		return order.Order{}, err
	}
	next, changed := o.state.PaymentFailed(c)
	if !changed {
		return o.state.Order, nil
	}
	if err := o.Store.Save(ctx, next); err != nil {
		return order.Order{}, fmt.Errorf("save order %s: %w", o.id, err)
	}
	o.state = next
	return o.state.Order, o.show(ctx)
}

// Voided notes that payments-svc knows of the void. The note is saved even when this host has it already: the store may
// hold the debt again from another host that mended it (see mend).
func (o *Order) Voided(ctx context.Context) (order.Order, error) {
	if err := o.mustLoad(ctx); err != nil {
		return order.Order{}, err
	}
	next, _ := o.state.Voided()
	return o.finish(ctx, next, next.Status == order.Cancelled)
}

// Poke moves on an order that got stuck: it delivers one that is due, hands what is owed to the Payer, and shows the
// view where the order really stands.
func (o *Order) Poke(ctx context.Context) (order.Order, error) {
	if err := o.mustLoad(ctx); err != nil {
		return order.Order{}, err
	}
	next, changed := o.state.Deliver(o.Clock())
	return o.finish(ctx, next, changed)
}

// Deliver is the reminder. It may come late, twice, for an order that was cancelled, or for one whose confirmation was
// never saved; all of these are fine and change nothing. When it comes before this replica's clock says that the order
// is due, it is set anew. When the order needs no reminder any more it is removed: any app in the namespace can replace
// ours by one that repeats forever.
func (o *Order) Deliver(ctx context.Context) error {
	if err := o.recall(ctx); err != nil {
		return err
	}
	if !o.exists {
		return o.unremind(ctx)
	}
	next, changed := o.state.Deliver(o.Clock())
	if !changed && next.Status == order.Confirmed {
		return o.remind(ctx, next)
	}
	if _, err := o.finish(ctx, next, changed); err != nil {
		return err
	}
	if !changed && next.Status.Final() { // ours ends by itself when it delivers the order
		return o.unremind(ctx)
	}
	return nil
}

func (o *Order) load(ctx context.Context) (err error) {
	if o.loaded {
		return nil
	}
	if o.state, o.exists, err = o.Store.Load(ctx, o.id); err != nil {
		return fmt.Errorf("load order %s: %w", o.id, err)
	}
	if o.exists { // the last host may have stopped before the view heard of it, or another host may have gone on
		if err := o.show(ctx); err != nil {
			return err
		}
	}
	o.loaded = true
	return nil
}

// recall loads the order. When the store has none, it asks the view: the store may have lost the order in a power cut, or
// come from an older backup. What the view holds goes back into the store, with its reminder. Create need not ask: the view
// refuses a second version 1, which repairs the store too.
func (o *Order) recall(ctx context.Context) error {
	if err := o.load(ctx); err != nil || o.exists {
		return err
	}
	held, found, err := o.OrderDB.Find(ctx, o.id)
	if err != nil {
		return fmt.Errorf("find order %s in the view: %w", o.id, err)
	}
	if !found {
		return nil
	}
	if err := o.mend(ctx, held); err != nil {
		return fmt.Errorf("restore order %s: %w", o.id, err)
	}
	o.state, o.exists = held, true
	return nil
}

// mustLoad refuses an order that doesn't exist.
func (o *Order) mustLoad(ctx context.Context) error {
	if err := o.recall(ctx); err != nil {
		return err
	}
	if !o.exists {
		return order.NotFound()
	}
	return nil
}

// finish commits what a turn has decided. When there was nothing to decide, an earlier turn may have stopped between
// its save and its end: what is left of that is done again.
func (o *Order) finish(ctx context.Context, next order.State, changed bool) (order.Order, error) {
	if !changed {
		return o.state.Order, o.settleDown(ctx)
	}
	return next.Order, o.commit(ctx, next)
}

// commit makes next durable and visible, in the order that lets any step be the last one.
func (o *Order) commit(ctx context.Context, next order.State) error {
	if next.Status == order.Confirmed {
		if err := o.remind(ctx, next); err != nil {
			return err
		}
	}
	if err := o.Store.Save(ctx, next); err != nil {
		return fmt.Errorf("save order %s: %w", o.id, err)
	}
	o.state, o.exists = next, true
	return o.settleDown(ctx)
}

// settleDown shows the state to the view and hands over what it owes.
func (o *Order) settleDown(ctx context.Context) error {
	if err := o.show(ctx); err != nil {
		return err
	}
	switch {
	case o.state.Status == order.Created:
		o.Payer.Pay(o.state)
	case o.state.VoidOwed:
		o.Payer.Void(o.state)
	}
	return nil
}

// show puts the state into the view. When the view decides against it, the store is mended and the turn fails: whoever
// asked comes again and meets the state that stands.
func (o *Order) show(ctx context.Context) error {
	err := o.OrderDB.Put(ctx, o.state)
	if conflict := (*order.Conflict)(nil); errors.As(err, &conflict) {
		err = errors.Join(err, o.mend(ctx, conflict.Held))
	}
	if err != nil {
		return fmt.Errorf("show version %d of order %s: %w", o.state.Version, o.id, err)
	}
	return nil
}

// mend makes the store hold what the view decided for, with the reminder that it needs.
func (o *Order) mend(ctx context.Context, held order.State) error {
	if held.Status == order.Confirmed {
		if err := o.remind(ctx, held); err != nil {
			return err
		}
	}
	return o.Store.Save(ctx, held)
}

func (o *Order) remind(ctx context.Context, s order.State) error {
	if err := o.Reminders.Set(ctx, o.id, *s.DeliverAt); err != nil {
		return fmt.Errorf("set the reminder of order %s: %w", o.id, err)
	}
	return nil
}

func (o *Order) unremind(ctx context.Context) error {
	if err := o.Reminders.Remove(ctx, o.id, reminderDeliver); err != nil {
		return fmt.Errorf("remove the reminder of order %s: %w", o.id, err)
	}
	return nil
}
