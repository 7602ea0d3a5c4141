package simulate

import (
	"context"
	"errors"
	"reflect"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// errLost is what a caller gets when the request, the reply or the other side is gone.
var errLost = errors.New("no answer")

// step is one call to something outside: it takes time, and may be lost before or after it has its effect.
func (w *world) step(what string, effect func()) error {
	p := w.clock.running
	p.sleep(w.delay())
	if w.fault(w.plan.lost) {
		if w.choose.Below(2) == 0 {
			effect()
			w.tell("%s: %s, and the answer is lost", p.home, what)
		} else {
			w.tell("%s: %s is lost", p.home, what)
		}
		p.sleep(w.delay())
		return errLost
	}
	effect()
	w.tell("%s: %s", p.home, what)
	if home := p.home; home != nil && w.fault(w.plan.crash) {
		w.clock.after(0, func() { w.crash(home) }) // just after the effect, before anybody hears of it
	}
	p.sleep(w.delay())
	return nil
}

// store is daprd's actor state: no compare-and-set, the last save wins.
type store struct {
	w      *world
	states map[string]order.State
	saved  map[string][]order.State // all that was ever saved, for forget
}

// forget loses an order's newest state, as a power cut or an older backup does: some earlier one is left, or none. The
// scheduler may lose the order's reminder with it.
func (s *store) forget(id string) {
	if n := s.w.choose.Below(len(s.saved[id]) + 1); n > 0 {
		s.states[id] = s.saved[id][n-1]
	} else {
		delete(s.states, id)
	}
	s.w.tell("the store forgets %s", id)
	if mine := s.w.reminders.set[id]; mine != nil && s.w.choose.Below(2) == 1 {
		mine.done = true
	}
}

func (s *store) Load(_ context.Context, id string) (held order.State, ok bool, err error) {
	err = s.w.step("load "+id, func() { held, ok = s.states[id] })
	return held.Clone(), ok, err
}

func (s *store) Save(_ context.Context, state order.State) error {
	state = state.Clone()
	if s.w.wrong.NoVoidDebt {
		state.VoidPending = false
	}
	err := s.w.step("save "+s.w.brief(state), func() {
		s.states[state.ID] = state
		s.saved[state.ID] = append(s.saved[state.ID], state)
	})
	if set := s.w.unset[s.w.clock.running]; err == nil && set != nil { // only the wrong ReminderAfterSave leaves one
		delete(s.w.unset, s.w.clock.running)
		return s.w.step("set the reminder of "+state.ID, set)
	}
	return err
}

// view is the SQL list view: one transaction per call, the arbiter between hosts.
type view struct {
	w      *world
	states map[string]order.State
	ids    []string // in the order of their creation
	log    []history.FeedEvent
}

func (v *view) Put(_ context.Context, s order.State) (err error) {
	s = s.Clone()
	if v.w.wrong.NoVoidDebt {
		s.VoidPending = false
	}
	if v.w.wrong.ViewAfterReply {
		v.w.clock.spawn(v.w.clock.running.home, 50*time.Millisecond, func(*proc) { _ = v.w.step("put late", func() { _ = v.put(s) }) })
		return nil
	}
	lost := v.w.step("put "+v.w.brief(s), func() { err = v.put(s) })
	return errors.Join(lost, err)
}

func (v *view) put(s order.State) error {
	held, known := v.states[s.ID]
	switch {
	case v.w.wrong.ViewAcceptsOlder:
	case known && (held.Version > s.Version || held.Version == s.Version && !reflect.DeepEqual(held.WithoutNotes(), s.WithoutNotes())):
		if v.w.wrong.ViewRefusesSilently {
			return nil
		}
		v.w.tell("the view holds %s already", v.w.brief(held))
		return &order.Conflict{Held: held.Clone()}
	}
	if known && held.Version == s.Version && held.Payment.Attempts > s.Payment.Attempts {
		s.Payment = held.Payment // the view keeps the later note
	}
	v.states[s.ID] = s
	if !known {
		v.ids = append(v.ids, s.ID)
	}
	if !known || held.Version != s.Version {
		v.log = append(v.log, history.FeedEvent{Cursor: cursor(len(v.log) + 1), Order: s.Order, At: v.w.clock.time()})
	}
	return nil
}

// Find implements turn.View.
func (v *view) Find(_ context.Context, id string) (s order.State, ok bool, err error) {
	if v.w.wrong.LossUnnoticed {
		return s, false, nil
	}
	err = v.w.step("find "+id, func() { s, ok = v.states[id] })
	return s.Clone(), ok, err
}

func (v *view) get(id string) (o order.Order, ok bool, err error) {
	err = v.w.step("read "+id, func() {
		var s order.State
		s, ok = v.states[id]
		o = s.Order
	})
	return o, ok, err
}

// Stuck lists the orders that should have moved on.
func (v *view) Stuck(_ context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) (ids []string, err error) {
	err = v.w.step("look for what is stuck", func() {
		for _, id := range v.ids {
			s := v.states[id]
			unpaid := s.Status == order.Created && now.Sub(s.UpdatedAt) >= unpaidFor && !v.w.wrong.UnpaidForgotten
			overdue := s.Status == order.Confirmed && now.Sub(*s.DeliverAt) >= overdueBy && !v.w.wrong.OverdueForgotten
			if (unpaid || overdue || s.VoidPending) && len(ids) < limit {
				ids = append(ids, id)
			}
		}
	})
	return ids, err
}

// reminders are daprd's scheduler: a reminder comes at its time until its turn succeeds. It may come late or twice.
type reminders struct {
	w   *world
	set map[string]*reminder
}

type reminder struct{ done bool }

func (r *reminders) Set(_ context.Context, id string, due time.Time) error {
	set := func() {
		if old := r.set[id]; old != nil {
			old.done = true
		}
		mine := &reminder{}
		r.set[id] = mine
		r.fire(id, mine, max(0, due.Sub(r.w.clock.time())))
	}
	if r.w.wrong.ReminderAfterSave {
		r.w.unset[r.w.clock.running] = set
		return nil
	}
	return r.w.step("set the reminder of "+id, set)
}

// Remove implements turn.Reminders. Here all reminders have one name.
func (r *reminders) Remove(_ context.Context, id, _ string) error {
	return r.w.step("remove the reminder of "+id, func() {
		if mine := r.set[id]; mine != nil {
			mine.done = true
		}
	})
}

func (r *reminders) fire(id string, mine *reminder, in time.Duration) {
	if r.w.fault(r.w.plan.late) {
		in += time.Duration(r.w.choose.Below(20)) * time.Second
	}
	r.w.clock.spawn(nil, in, func(p *proc) {
		if mine.done {
			return
		}
		if r.w.fault(r.w.plan.duplicate) {
			r.fire(id, mine, time.Second)
		}
		if _, err := r.w.invoke(p, id, message{}); err != nil {
			r.fire(id, mine, time.Second)
			return
		}
		mine.done = true
	})
}

func cursor(n int) string {
	digits := []byte("00000000")
	for i := len(digits) - 1; n > 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return string(digits)
}
