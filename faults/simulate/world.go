package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"orders/faults/history"
	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

// Durations. Faults are injected only in the first part of a history; the rest is time to finish the work.
const (
	faultsFor      = 30 * time.Second
	endAt          = 150 * time.Second
	deliverAfter   = 10 * time.Second
	maxLateness    = 60 * time.Second // the duration of the faults, and the reconciler's longest pause
	reconcileEvery = 2 * time.Second  // the reconciler's period
	callTimeout    = 10 * time.Second
	keyLife        = 20 * time.Second // with the mutation KeysExpire
)

// plan has the faults of a history with their rates, in 1/1024.
type plan struct {
	replicas  int
	lost      int  // a step's request or reply is lost
	crash     int  // the replica crashes after a step
	duplicate int  // an invocation, a reminder or a payment arrives twice, the second time late
	stray     int  // an invocation goes to a replica that no longer owns the order: double activation
	move      int  // the order moves to another replica
	late      int  // a reminder is late
	slow      int  // a step takes seconds
	payFails  int  // a payment request fails
	payDown   bool // payments-svc is unavailable for 20 s
	losses    int  // how often the store loses states of an order
	otherApp  int  // the share of the orders that placement assigns to another app
}

// claim is the order of a key, with the mutation KeysExpire.
type claim struct {
	id string
	at time.Duration
}

// world is one history: the replicas, their clients and the fakes around them.
type world struct {
	clock    clock
	trace    io.Writer // nil: none
	choices  Choices
	mutation Mutation
	repairs  bool // the reconciler repairs orders
	removals bool // final orders are removed
	plan     plan

	store     *store
	orderDB   *orderDB
	reminders *reminders
	ledger    *ledger
	replicas  []*replica
	owners    map[string]*replica
	otherApp  *otherApp
	orders    *orderactor.Client // invokes actors through invoke
	seal      actors.Seal
	opens     []func([]byte) ([]byte, error) // with the mutation RepliesUnbound

	recorder history.Recorder
	created  int // number of ids
	calls    int // number of call ids
	claims   map[[2]string]claim
	clients  int              // number of running clients
	unset    map[*proc]func() // reminders that wait for the save, with the mutation ReminderAfterSave

	panicked string // the log of panics that the code under test has caught

	Counters
}

func newWorld(choices Choices, mutation Mutation, trace io.Writer) *world {
	w := &world{trace: trace, choices: choices, mutation: mutation, removals: mutation.NoTombstone || mutation.LedgerForgets, owners: map[string]*replica{}, claims: map[[2]string]claim{}, unset: map[*proc]func(){}}
	w.store = &store{w: w, states: map[string]order.State{}, saved: map[string][]order.State{}}
	w.orderDB = &orderDB{w: w, states: map[string]order.State{}}
	w.reminders = &reminders{w: w, set: map[string]*reminder{}}
	w.ledger = newLedger(w)
	w.orders = &orderactor.Client{Invoker: w}
	w.seal = actors.Seal{Keys: [][]byte{bytes.Repeat([]byte{'k'}, 32)}, Now: w.clock.time}
	rate := func(often int) int { // half of the histories do not have a given fault
		return []int{0, 0, often / 4, often}[choices.IntN(4)]
	}
	w.plan = plan{
		replicas: 1 + choices.IntN(2), lost: rate(80), crash: rate(40), duplicate: rate(200), stray: rate(500), move: rate(200),
		late: rate(300), slow: rate(60), payFails: rate(500), payDown: choices.IntN(4) == 3,
	}
	if choices.IntN(4) == 3 {
		w.plan.losses = 1 + choices.IntN(3)
	}
	if choices.IntN(4) == 3 {
		w.plan.otherApp = 256 * (1 + choices.IntN(3))
	}
	w.otherApp = newOtherApp(w)
	for i := range w.plan.replicas {
		r := &replica{w: w, number: i}
		r.start()
		w.replicas = append(w.replicas, r)
	}
	return w
}

// fault reports whether a fault with this rate is injected now.
func (w *world) fault(rate int) bool {
	if rate == 0 || w.clock.now > faultsFor || w.choices.IntN(1024) < 1024-rate {
		return false
	}
	w.Faults++
	return true
}

// delay returns the duration of a step.
func (w *world) delay() time.Duration {
	d := time.Microsecond * time.Duration(100+w.choices.IntN(5_000))
	if w.fault(w.plan.slow) {
		d += time.Millisecond * time.Duration(w.choices.IntN(4_000))
	}
	return d
}

// jitter returns d ± 25 %.
func (w *world) jitter(d time.Duration) time.Duration {
	return d*3/4 + d*time.Duration(w.choices.IntN(512))/1024
}

// scheduleLosses makes the store lose states of orders at random times.
func (w *world) scheduleLosses() {
	for range w.plan.losses {
		w.clock.after(time.Duration(w.choices.IntN(int(faultsFor/time.Millisecond)))*time.Millisecond, func() {
			if n := len(w.orderDB.ids); n > 0 {
				w.Faults++
				w.store.lose(w.orderDB.ids[w.choices.IntN(n)])
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
	for w.clock.step(endAt) {
		if w.clock.now > faultsFor && w.idle() {
			break
		}
	}
	w.invokeAll()
}

// idle reports whether only the reconciler's rounds are left.
func (w *world) idle() bool {
	if w.clients > 0 || !w.settled(true) {
		return false
	}
	for _, r := range w.replicas {
		if !r.alive || slices.ContainsFunc(r.procs, func(p *proc) bool { return !p.ended && p != r.reconciler }) {
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
	for _, r := range w.replicas {
		r.hosted = map[string]*activation{}
	}
	running := len(w.orderDB.ids)
	for _, id := range w.orderDB.ids {
		w.clock.spawn(nil, 0, func(p *proc) {
			defer func() { running-- }()
			w.finishRemoval(id)
			for range 3 { // a turn that finds a conflict fails
				body, _, err := w.seal.Close("cancel", id, order.Cancel{ID: id, By: order.ByOperator, IfVersion: -1})
				if err == nil {
					_, err = w.host(id).turn(p, id, message{"cancel", body})
				}
				if err == nil {
					return
				}
			}
		})
	}
	for deadline := w.clock.now + maxLateness; w.clock.step(deadline); {
		if running == 0 && w.idle() {
			break
		}
	}
	for _, r := range w.replicas { // the history has ended
		r.killAll()
	}
	if w.panicked != "" {
		panic(w.panicked)
	}
}

func (w *world) stores() history.Stores {
	s := history.Stores{
		At: w.clock.time(), MaxLateness: maxLateness, Orders: map[string]order.Order{}, Feed: w.orderDB.log,
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

// message is an invocation of an actor with a sealed command, or a reminder.
type message struct {
	method string // "" for the reminder
	body   []byte
}

// reply is the result of a message.
type reply struct {
	data []byte
	err  error
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
	sealed, err := w.invoke(w.clock.running, id, message{method, body})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", actors.ErrUnavailable, err)
	}
	data, err := open(sealed)
	if err == nil {
		return data, nil
	}
	w.Rejected++
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
func (w *world) accepted(id string, m message) []byte {
	if w.mutation.CommandsUnsealed && json.Valid(m.body) {
		if sealed, _, err := w.seal.Close(m.method, id, json.RawMessage(m.body)); err == nil {
			return sealed
		}
	}
	return m.body
}

// invoke sends a message to an order's actor through the sidecars. They may lose the message or the reply, and may send it to a host
// that no longer owns the order, or to another app.
func (w *world) invoke(p *proc, id string, m message) ([]byte, error) {
	p.sleep(w.delay())
	if w.fault(w.plan.lost) {
		return nil, errLost
	}
	if w.fault(w.plan.duplicate) {
		if again := w.host(id); again != nil {
			w.clock.spawn(again, time.Duration(w.choices.IntN(3_000))*time.Millisecond, func(t *proc) { _, _ = again.turn(t, id, m) })
		}
	}
	var got reply
	var ok bool
	if w.otherApp.hosts(id) {
		c := &call[reply]{waiter: p}
		w.otherApp.receive(id, m, c)
		got, ok = c.wait(callTimeout)
	} else if host := w.host(id); host != nil {
		got, ok = request(w, p, host, callTimeout, func(t *proc) reply {
			data, err := host.turn(t, id, m)
			return reply{data, err}
		})
	}
	if !ok {
		return nil, errLost
	}
	return got.data, got.err
}

// host returns the replica that an invocation of the order goes to now; nil if none is alive.
func (w *world) host(id string) *replica {
	alive := w.alive()
	if len(alive) == 0 {
		return nil
	}
	owner := w.owners[id]
	if owner == nil || !owner.alive || w.fault(w.plan.move) {
		owner = alive[w.choices.IntN(len(alive))]
		w.owners[id] = owner
	}
	if w.fault(w.plan.stray) {
		return alive[w.choices.IntN(len(alive))]
	}
	return owner
}

func (w *world) alive() []*replica {
	return slices.DeleteFunc(slices.Clone(w.replicas), func(r *replica) bool { return !r.alive })
}

func (w *world) crash(r *replica) {
	if !r.alive {
		return
	}
	w.log("%s crashes", r)
	w.Crashes++
	r.alive = false
	r.killAll()
	w.clock.after(time.Second+time.Duration(w.choices.IntN(5_000))*time.Millisecond, r.start)
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

// log writes a line to the trace.
func (w *world) log(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%s  %s\n", w.clock.time().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

// describe describes a state for the trace.
func (w *world) describe(s order.State) string {
	if w.trace == nil {
		return ""
	}
	return fmt.Sprintf("%s version %d %s, void pending: %t", s.ID, s.Version, s.Status, s.VoidPending)
}
