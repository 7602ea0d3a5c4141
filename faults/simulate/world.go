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

// How long things take in a history. Faults strike only in its first part; then everything has time to settle.
const (
	faultsFor    = 30 * time.Second
	endAt        = 150 * time.Second
	deliverAfter = 10 * time.Second
	soon         = 60 * time.Second // how late a delivery may be: as long as the faults, and the reconciler's longest pause
	lookEvery    = 2 * time.Second  // the reconciler's rounds
	callTimeout  = 10 * time.Second
	keyLife      = 20 * time.Second // of the deliberate mistake KeysForgotten
)

// plan says which faults strike in a history, and how often: n of 1024 chances.
type plan struct {
	replicas  int
	lost      int // a step's request or reply is lost
	crash     int // the replica dies after a step
	duplicate int // an invocation, a reminder or a payment arrives twice, the second one late
	stray     int // an invocation goes to a replica that doesn't own the order any more: double activation
	move      int // ownership moves
	late      int // a reminder comes late
	slow      int // a step takes seconds
	payFails  int // payments-svc refuses to work
	payAway   bool
	forgets   int // how often the store loses the newest state of an order
	stranger  int // the share of the orders that placement gives to another app
}

// claim is a key's order in the table of KeysForgotten.
type claim struct {
	id string
	at time.Duration
}

type world struct {
	clock  clock
	trace  io.Writer // nil: none
	choose Choices
	wrong  Wrong
	plan   plan

	store     *store
	view      *view
	reminders *reminders
	ledger    *ledger
	replicas  []*replica
	owners    map[string]*replica
	stranger  *stranger
	orders    *orderactor.Client // how everything reaches an order
	seal      actors.Seal
	opens     []func([]byte) ([]byte, error) // of the deliberate mistake RepliesUnbound

	recorder history.Recorder
	made     int // ids given out
	calls    int // requests marked, see newCall
	claims   map[[2]string]claim
	clients  int              // clients that still run
	unset    map[*proc]func() // reminders that wait for the save, see Wrong.ReminderAfterSave

	panicked string // what the parts under test logged of panics that they caught

	faults, crashes, conflicts, stolen, unproven int
}

func newWorld(choose Choices, wrong Wrong, trace io.Writer) *world {
	w := &world{trace: trace, choose: choose, wrong: wrong, owners: map[string]*replica{}, claims: map[[2]string]claim{}, unset: map[*proc]func(){}}
	w.store = &store{w: w, states: map[string]order.State{}, saved: map[string][]order.State{}}
	w.view = &view{w: w, states: map[string]order.State{}}
	w.reminders = &reminders{w: w, set: map[string]*reminder{}}
	w.ledger = newLedger(w)
	w.orders = &orderactor.Client{Invoker: w}
	w.seal = actors.Seal{Keys: [][]byte{bytes.Repeat([]byte{'k'}, 32)}, Now: w.clock.time}
	rate := func(often int) int { // half of the histories don't know a given fault at all
		return []int{0, 0, often / 4, often}[choose.Below(4)]
	}
	w.plan = plan{
		replicas: 1 + choose.Below(2), lost: rate(80), crash: rate(40), duplicate: rate(200), stray: rate(500), move: rate(200),
		late: rate(300), slow: rate(60), payFails: rate(500), payAway: choose.Below(4) == 3,
	}
	if choose.Below(4) == 3 {
		w.plan.forgets = 1 + choose.Below(3)
	}
	if choose.Below(4) == 3 {
		w.plan.stranger = 256 * (1 + choose.Below(3))
	}
	w.stranger = newStranger(w)
	for i := range w.plan.replicas {
		r := &replica{w: w, number: i}
		r.start()
		w.replicas = append(w.replicas, r)
	}
	return w
}

// fault says whether a fault of this rate strikes now.
func (w *world) fault(rate int) bool {
	if rate == 0 || w.clock.now > faultsFor || w.choose.Below(1024) < 1024-rate {
		return false
	}
	w.faults++
	return true
}

// delay is how long one step takes.
func (w *world) delay() time.Duration {
	d := time.Microsecond * time.Duration(100+w.choose.Below(5_000))
	if w.fault(w.plan.slow) {
		d += time.Millisecond * time.Duration(w.choose.Below(4_000))
	}
	return d
}

// about is a pause with jitter.
func (w *world) about(d time.Duration) time.Duration {
	return d*3/4 + d*time.Duration(w.choose.Below(512))/1024
}

// forget lets the store lose an order's newest state now and then.
func (w *world) forget() {
	for range w.plan.forgets {
		w.clock.after(time.Duration(w.choose.Below(int(faultsFor/time.Millisecond)))*time.Millisecond, func() {
			if n := len(w.view.ids); n > 0 {
				w.faults++
				w.store.forget(w.view.ids[w.choose.Below(n)])
			}
		})
	}
}

func (w *world) play() {
	w.startClients()
	w.forget()
	for w.clock.step(endAt) {
		if w.clock.now > faultsFor && w.quiet() {
			break
		}
	}
	w.askEverybody()
}

// quiet says that nothing is left to happen but the reconciler's rounds.
func (w *world) quiet() bool {
	if w.clients > 0 {
		return false
	}
	for _, id := range w.view.ids {
		if s := w.view.states[id]; !s.Status.Final() || s.VoidPending {
			return false
		}
	}
	for _, r := range w.replicas {
		if !r.alive || slices.ContainsFunc(r.procs, func(p *proc) bool { return !p.ended && p != r.reconciler }) {
			return false
		}
	}
	return true
}

// askEverybody lets each actor take a turn where it belongs, activated afresh as after a time without work: what it holds
// then is what it says. The turn is one that moves nothing on, so that what is stuck stays so, for the checker to see; but what
// an actor remembers better than the view, such as a debt, may still come to its end.
func (w *world) askEverybody() {
	for _, r := range w.replicas {
		r.hosted = map[string]*activation{}
	}
	asking := len(w.view.ids)
	for _, id := range w.view.ids {
		w.clock.spawn(nil, 0, func(p *proc) {
			defer func() { asking-- }()
			for range 3 { // a conflict fails the turn that finds it
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
	for deadline := w.clock.now + soon; w.clock.step(deadline); {
		if asking == 0 && w.quiet() {
			break
		}
	}
	for _, r := range w.replicas { // nothing goes on after this: end what sleeps
		r.killAll()
	}
	if w.panicked != "" {
		panic(w.panicked)
	}
}

func (w *world) found() history.World {
	found := history.World{
		At: w.clock.time(), Soon: soon, Orders: map[string]order.Order{}, Feed: w.view.log,
		Actors: w.store.states, Payments: map[string]history.Payment{},
	}
	for id, s := range w.view.states {
		found.Orders[id] = s.Order
	}
	for id, e := range w.ledger.entries {
		found.Payments[id] = history.Payment{
			Status: string(e.payment.Status), Amount: e.payment.Amount, Currency: e.payment.Currency, Charges: e.charges,
		}
	}
	return found
}

// message is what the sidecars carry to an actor: a method with its sealed command, or a reminder.
type message struct {
	method string // "" for the reminder
	body   []byte
}

// reply is what comes back.
type reply struct {
	data []byte
	err  error
}

// Invoke implements orderactor.Invoker: it does what actors.Invoker does, once.
func (w *world) Invoke(_ context.Context, id, method string, command any) ([]byte, error) {
	switch c := command.(type) { // the marks are random; here they must be the same in each run
	case order.Create:
		if c.Call = w.newCall(); w.wrong.NoCallMark {
			c.Call = "always the same"
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
	if w.wrong.RepliesUnbound {
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
	w.unproven++
	if w.wrong.RepliesUnsealed {
		return sealed, nil
	}
	if w.wrong.RepliesUnbound {
		for _, other := range w.opens {
			if data, err := other(sealed); err == nil {
				return data, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %w", actors.ErrUnavailable, err)
}

// accepted is a message's body as the host takes it: the deliberate mistake CommandsUnsealed takes what nobody sealed.
func (w *world) accepted(id string, m message) []byte {
	if w.wrong.CommandsUnsealed && json.Valid(m.body) {
		if sealed, _, err := w.seal.Close(m.method, id, json.RawMessage(m.body)); err == nil {
			return sealed
		}
	}
	return m.body
}

// invoke sends a message to an order's actor through the sidecars: they find the host, may lose the way there and back, and
// may go to a host that doesn't own the order any more, or to one of another app.
func (w *world) invoke(p *proc, id string, m message) ([]byte, error) {
	p.sleep(w.delay())
	if w.fault(w.plan.lost) {
		return nil, errLost
	}
	c := &call[reply]{waiter: p}
	if w.stranger.hosts(id) {
		w.stranger.take(id, m, c)
	} else {
		host := w.host(id)
		if host == nil {
			return nil, errLost
		}
		w.clock.spawn(host, w.delay(), func(t *proc) {
			data, err := host.turn(t, id, m)
			if !w.fault(w.plan.lost) {
				c.reply(reply{data, err})
			}
		})
	}
	if w.fault(w.plan.duplicate) {
		if again := w.host(id); again != nil {
			w.clock.spawn(again, time.Duration(w.choose.Below(3_000))*time.Millisecond, func(t *proc) { _, _ = again.turn(t, id, m) })
		}
	}
	got, ok := c.wait(callTimeout)
	if !ok {
		return nil, errLost
	}
	return got.data, got.err
}

// host is where an invocation of this order goes now; nil when nobody is there.
func (w *world) host(id string) *replica {
	var alive []*replica
	for _, r := range w.replicas {
		if r.alive {
			alive = append(alive, r)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	owner := w.owners[id]
	if owner == nil || !owner.alive || w.fault(w.plan.move) {
		owner = alive[w.choose.Below(len(alive))]
		w.owners[id] = owner
	}
	if w.fault(w.plan.stray) {
		return alive[w.choose.Below(len(alive))]
	}
	return owner
}

func (w *world) crash(r *replica) {
	if !r.alive {
		return
	}
	w.tell("%s crashes", r)
	w.crashes++
	r.alive = false
	r.killAll()
	w.clock.after(time.Second+time.Duration(w.choose.Below(5_000))*time.Millisecond, r.start)
}

// newID is unique, and sorts in the order of creation as the real ones do.
func (w *world) newID() string {
	w.made++
	return fmt.Sprintf("00000000-0000-7000-8000-%012d", w.made)
}

// keyID is the id that a user's key stands for.
func keyID(user, key string) string { return uuid.NewSHA1(uuid.Nil, []byte(user+" "+key)).String() }

// newCall marks a request.
func (w *world) newCall() string {
	w.calls++
	return fmt.Sprintf("call-%d", w.calls)
}

// tell writes down what happens inside, for whoever has to find out why.
func (w *world) tell(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%s  %s\n", w.clock.time().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

// brief is a state in a few words, when somebody wants to know.
func (w *world) brief(s order.State) string {
	if w.trace == nil {
		return ""
	}
	return fmt.Sprintf("%s version %d %s, void owed: %t", s.ID, s.Version, s.Status, s.VoidPending)
}
