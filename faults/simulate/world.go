package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orders/faults/history"
	"orders/kit/actors"
	"orders/kit/simulate"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

// Durations. The time after the faults is there to finish the work.
const (
	endAt          = 150 * time.Second
	deliverAfter   = 10 * time.Second
	maxLateness    = 60 * time.Second // the duration of the faults, and the reconciler's longest pause
	reconcileEvery = 2 * time.Second  // the reconciler's period
	callTimeout    = 10 * time.Second
	keyLife        = 20 * time.Second // with the mutation KeysExpire
)

// plan has the faults of a history beside those of package kit/simulate.
type plan struct {
	payFails int  // a payment request fails, in 1/1024
	payDown  bool // payments-svc is unavailable for 20 s
	losses   int  // how often the store loses states of an order
	otherApp int  // the share of the orders that placement assigns to another app, in 1/1024
}

// claim is the order of a key, with the mutation KeysExpire.
type claim struct {
	id string
	at time.Duration
}

// world is one history: the replicas, their clients and the fakes around them.
type world struct {
	*simulate.Simulation
	mutation Mutation
	repairs  bool // the reconciler repairs orders
	removals bool // final orders are removed
	plan     plan

	store     *store
	orderDB   *orderDB
	reminders reminders
	ledger    *ledger
	otherApp  *otherApp
	orders    *orderactor.Client // invokes actors through invoke
	seal      actors.Seal
	opens     []func([]byte) ([]byte, error) // with the mutation RepliesUnbound

	recorder history.Recorder
	created  int // number of ids
	calls    int // number of call ids
	claims   map[[2]string]claim
	clients  int                          // number of running clients
	unset    map[*simulate.Process]func() // reminders that wait for the save, with the mutation ReminderAfterSave

	panicked string // the log of panics that the code under test has caught

	counters Counters
}

func newWorld(s *simulate.Simulation, mutation Mutation) *world {
	w := &world{
		Simulation: s, mutation: mutation, removals: mutation.NoTombstone || mutation.LedgerForgets,
		claims: map[[2]string]claim{}, unset: map[*simulate.Process]func(){},
	}
	s.Timeout = callTimeout
	w.plan = plan{payFails: s.DrawRate(500), payDown: s.IntN(4) == 3}
	if s.IntN(4) == 3 {
		w.plan.losses = 1 + s.IntN(3)
	}
	if s.IntN(4) == 3 {
		w.plan.otherApp = 256 * (1 + s.IntN(3))
	}
	w.store = &store{w: w, states: map[string]order.State{}, saved: map[string][]order.State{}}
	w.orderDB = &orderDB{w: w, states: map[string]order.State{}}
	w.reminders = reminders{w}
	w.ledger = newLedger(w)
	w.orders = &orderactor.Client{Invoker: w}
	w.seal = s.Seal()
	w.otherApp = newOtherApp(w)
	if w.plan.otherApp > 0 {
		s.Misroute = w.otherApp.receive
	}
	s.Host(w.start)
	return w
}

// scheduleLosses makes the store lose states of orders at random times.
func (w *world) scheduleLosses() {
	for range w.plan.losses {
		w.After(time.Duration(w.IntN(int(w.FaultsFor/time.Millisecond)))*time.Millisecond, func() {
			if n := len(w.orderDB.ids); n > 0 {
				w.Faults++
				w.store.lose(w.orderDB.ids[w.IntN(n)])
			}
		})
	}
}

func (w *world) run() {
	w.startClients()
	w.scheduleLosses()
	if w.removals {
		w.scheduleRemovals()
	}
	w.RunUntil(endAt, func() bool { return w.Elapsed() > w.FaultsFor && w.idle() })
	w.invokeAll()
}

// idle reports whether only the reconciler's rounds are left.
func (w *world) idle() bool {
	if w.clients > 0 || !w.settled(true) {
		return false
	}
	for _, r := range w.All() {
		if !r.Idle() {
			return false
		}
	}
	return true
}

// settled reports whether all orders are final, and perhaps whether no void is pending.
func (w *world) settled(voids bool) bool {
	for _, s := range w.orderDB.states {
		if !s.Status.Final() && !s.IsRemoved() || voids && s.VoidPending {
			return false
		}
	}
	return true
}

// invokeAll runs a turn of each actor with a new activation, so that its state is repaired as at the next request. The turn changes
// no order: one that is stuck stays stuck, so that the checker reports it. A void that only the actor has as pending may be sent.
func (w *world) invokeAll() {
	for _, r := range w.All() {
		r.Deactivate()
	}
	running := len(w.orderDB.ids)
	for _, id := range w.orderDB.ids {
		w.Go(0, func() {
			defer func() { running-- }()
			w.finishRemoval(id)
			for range 3 { // a turn that finds a conflict fails
				body, _, err := w.seal.Close("cancel", id, order.Cancel{ID: id, By: order.ByOperator, IfVersion: -1})
				if err == nil {
					_, err = w.Route(id).Turn(id, simulate.Message{Method: "cancel", Body: body})
				}
				if err == nil {
					return
				}
			}
		})
	}
	w.RunUntil(w.Elapsed()+maxLateness, func() bool { return running == 0 && w.idle() })
	w.Stop()
	if w.panicked != "" {
		panic(w.panicked)
	}
}

func (w *world) stores() history.Stores {
	s := history.Stores{
		At: w.Now(), MaxLateness: maxLateness, Orders: map[string]order.Order{}, Feed: w.orderDB.log,
		Actors: w.store.states, Payments: map[string]history.Payment{}, Removed: map[string]bool{},
	}
	for id, state := range w.orderDB.states {
		if state.IsRemoved() {
			s.Removed[id] = true
			continue
		}
		s.Orders[id] = state.Order
	}
	s.Listed = s.Orders
	for id, e := range w.ledger.entries {
		s.Payments[id] = history.Payment{
			Status: string(e.payment.Status), Amount: e.payment.Amount, Currency: e.payment.Currency, Charges: e.charges,
		}
	}
	return s
}

// Invoke implements orderactor.Invoker. It does what actors.Invoker does, without retries.
func (w *world) Invoke(_ context.Context, id, method string, command any) ([]byte, error) {
	switch c := command.(type) { // call ids are random in the product, and must be the same for the same seed here
	case order.Create:
		if c.Call = w.newCall(); w.mutation.NoCallMark {
			c.Call = "constant"
		}
		command = c
	case order.Cancel:
		c.Call = w.newCall()
		command = c
	}
	body, open, err := w.seal.Close(method, id, command)
	if err != nil {
		return nil, err
	}
	if w.mutation.RepliesUnbound {
		w.opens = append(w.opens, open)
	}
	sealed, err := w.Send(id, simulate.Message{Method: method, Body: body})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", actors.ErrUnavailable, err)
	}
	data, err := open(sealed)
	if err == nil {
		return data, nil
	}
	w.counters.Rejected++
	if w.mutation.RepliesUnsealed {
		return sealed, nil
	}
	if w.mutation.RepliesUnbound {
		for _, other := range w.opens {
			if data, err := other(sealed); err == nil {
				return data, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %w", actors.ErrUnavailable, err)
}

// accepted returns a message's body as the host accepts it. With the mutation CommandsUnsealed it need not be sealed.
func (w *world) accepted(id, method string, body []byte) []byte {
	if w.mutation.CommandsUnsealed && json.Valid(body) {
		if sealed, _, err := w.seal.Close(method, id, json.RawMessage(body)); err == nil {
			return sealed
		}
	}
	return body
}

// newID returns a unique id that sorts by creation, as real ones do.
func (w *world) newID() string {
	w.created++
	return fmt.Sprintf("00000000-0000-7000-8000-%012d", w.created)
}

// keyID returns the id of the order of a user's key.
func keyID(user, key string) string { return uuid.NewSHA1(uuid.Nil, []byte(user+" "+key)).String() }

// newCall returns an id for a call.
func (w *world) newCall() string {
	w.calls++
	return fmt.Sprintf("call-%d", w.calls)
}

// describe describes a state for the trace.
func (w *world) describe(s order.State) string {
	if !w.HasStory() {
		return ""
	}
	return fmt.Sprintf("%s version %d %s, void pending: %t", s.ID, s.Version, s.Status, s.VoidPending)
}
