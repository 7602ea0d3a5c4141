package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
	"orders/orders-actor/turn"
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

	recorder history.Recorder
	made     int // ids given out
	calls    int // requests marked, see newCall
	claims   map[[2]string]claim
	clients  int              // clients that still run
	unset    map[*proc]func() // reminders that wait for the save, see Wrong.ReminderAfterSave

	faults, crashes, conflicts int
}

func newWorld(choose Choices, wrong Wrong, trace io.Writer) *world {
	w := &world{trace: trace, choose: choose, wrong: wrong, owners: map[string]*replica{}, claims: map[[2]string]claim{}, unset: map[*proc]func(){}}
	w.store = &store{w: w, states: map[string]order.State{}, saved: map[string][]order.State{}}
	w.view = &view{w: w, states: map[string]order.State{}}
	w.reminders = &reminders{w: w, set: map[string]*reminder{}}
	w.ledger = newLedger(w)
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
		if s := w.view.states[id]; !s.Status.Final() || s.VoidOwed {
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
	look := func(ctx context.Context, o *turn.Order) result {
		now, _, err := o.Cancel(ctx, order.Cancel{By: order.ByOperator, IfVersion: -1})
		return result{order: now, err: err}
	}
	asking := len(w.view.ids)
	for _, id := range w.view.ids {
		w.clock.spawn(nil, 0, func(p *proc) {
			defer func() { asking-- }()
			for range 3 { // a conflict fails the turn that finds it
				if res := w.host(id).turn(p, id, look); !failed(res.err) {
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

// result is what a turn answers.
type result struct {
	order    order.Order
	replayed bool
	changed  bool
	err      error // a *order.Refusal, or a failure
}

// action is what a turn does.
type action func(ctx context.Context, o *turn.Order) result

func poke(ctx context.Context, o *turn.Order) result {
	now, err := o.Poke(ctx)
	return result{order: now, err: err}
}

func deliver(ctx context.Context, o *turn.Order) result { return result{err: o.Deliver(ctx)} }

// invoke asks an order's actor through the sidecars: they find the host, may lose the way there and back, and may go
// to a host that doesn't own the order any more.
func (w *world) invoke(p *proc, id string, do action) result {
	p.sleep(w.delay())
	if w.fault(w.plan.lost) {
		return result{err: errLost}
	}
	host := w.host(id)
	if host == nil {
		return result{err: errLost}
	}
	c := &call[result]{waiter: p}
	run := func(t *proc) {
		res := host.turn(t, id, do)
		if !w.fault(w.plan.lost) {
			c.reply(res)
		}
	}
	w.clock.spawn(host, w.delay(), run)
	if w.fault(w.plan.duplicate) {
		if again := w.host(id); again != nil {
			w.clock.spawn(again, time.Duration(w.choose.Below(3_000))*time.Millisecond, func(t *proc) { again.turn(t, id, do) })
		}
	}
	res, ok := c.wait(callTimeout)
	if !ok {
		return result{err: errLost}
	}
	return res
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
	return fmt.Sprintf("order-%d", w.made)
}

// newCall is what package turn marks each request with.
func (w *world) newCall() string {
	w.calls++
	return fmt.Sprintf("call-%d", w.calls)
}

func failed(err error) bool {
	var refusal *order.Refusal
	return err != nil && !errors.As(err, &refusal)
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
	return fmt.Sprintf("%s version %d %s, void owed: %t", s.ID, s.Version, s.Status, s.VoidOwed)
}
