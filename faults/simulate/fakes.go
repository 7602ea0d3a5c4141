package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// errLost is the error of a caller whose request or reply was lost.
var errLost = errors.New("no reply")

// step is a call to a fake: it takes time, and may be lost before or after its effect.
func (w *world) step(what string, effect func()) error {
	p := w.clock.running
	p.sleep(w.delay())
	if w.fault(w.plan.lost) {
		if w.choices.IntN(2) == 0 {
			effect()
			w.log("%s: %s, and the reply is lost", p.home, what)
		} else {
			w.log("%s: %s is lost", p.home, what)
		}
		p.sleep(w.delay())
		return errLost
	}
	effect()
	w.log("%s: %s", p.home, what)
	if home := p.home; home != nil && w.fault(w.plan.crash) {
		w.clock.after(0, func() { w.crash(home) }) // after the effect and before the reply
	}
	p.sleep(w.delay())
	return nil
}

// store is a fake of the actor store: it has no compare-and-set, the last save wins.
type store struct {
	w      *world
	states map[string]order.State
	saved  map[string][]order.State // all saved states, for lose
}

// lose loses an order's newest states, as after a power cut or with an older backup: an earlier one is left, or none. The scheduler
// may lose the order's reminder too.
func (s *store) lose(id string) {
	if n := s.w.choices.IntN(len(s.saved[id]) + 1); n > 0 {
		s.states[id] = s.saved[id][n-1]
	} else {
		delete(s.states, id)
	}
	s.w.log("the actor store loses states of %s", id)
	if mine := s.w.reminders.set[id]; mine != nil && s.w.choices.IntN(2) == 1 {
		mine.done = true
	}
}

func (s *store) Load(_ context.Context, id string) (held order.State, ok bool, err error) {
	err = s.w.step("load "+id, func() { held, ok = s.states[id] })
	return held.Clone(), ok, err
}

func (s *store) Save(_ context.Context, state order.State) error {
	state = state.Clone()
	if s.w.mutation.NoPendingVoid {
		state.VoidPending = false
	}
	err := s.w.step("save "+s.w.describe(state), func() {
		if state.IsRemoved() && s.w.mutation.NoTombstone {
			delete(s.states, state.ID)
			return
		}
		s.states[state.ID] = state
		s.saved[state.ID] = append(s.saved[state.ID], state)
	})
	if set := s.w.unset[s.w.clock.running]; err == nil && set != nil { // only with ReminderAfterSave
		delete(s.w.unset, s.w.clock.running)
		return s.w.step("set the reminder of "+state.ID, set)
	}
	return err
}

// orderDB is a fake of the order database: one transaction per call, and the arbiter between hosts.
type orderDB struct {
	w      *world
	states map[string]order.State
	ids    []string // in order of creation
	log    []history.FeedEvent
}

func (db *orderDB) Put(_ context.Context, s order.State) (err error) {
	s = s.Clone()
	if db.w.mutation.NoPendingVoid {
		s.VoidPending = false
	}
	if db.w.mutation.StoredAfterReply {
		db.w.clock.spawn(db.w.clock.running.home, 50*time.Millisecond, func(*proc) { _ = db.w.step("put late", func() { _ = db.put(s) }) })
		return nil
	}
	lost := db.w.step("put "+db.w.describe(s), func() { err = db.put(s) })
	return errors.Join(lost, err)
}

func (db *orderDB) put(s order.State) error {
	held, known := db.states[s.ID]
	if s.IsRemoved() {
		db.remove(s)
		return nil
	}
	switch {
	case db.w.mutation.OlderAccepted:
	case db.w.mutation.SecondAccepted && known && s.Version == 1:
		return nil
	case known && (held.Version > s.Version || held.Version == s.Version && !same(held, s)):
		if db.w.mutation.OlderIgnored {
			return nil
		}
		db.w.log("the order database has %s already", db.w.describe(held))
		return &order.Conflict{Held: held.Clone()}
	}
	if known && held.VoidPending == s.VoidPending && held.Payment.Attempts >= s.Payment.Attempts && same(held, s) {
		return nil
	}
	db.states[s.ID] = s
	if !known {
		db.ids = append(db.ids, s.ID)
	}
	if !known || held.Version != s.Version {
		db.log = append(db.log, history.FeedEvent{Cursor: fmt.Sprintf("%08d", len(db.log)+1), Order: s.Order, At: db.w.clock.time()})
	}
	return nil
}

// remove stores a tombstone, unless there is one.
func (db *orderDB) remove(s order.State) {
	held, known := db.states[s.ID]
	if db.w.mutation.NoTombstone {
		delete(db.states, s.ID)
		return
	}
	if !known {
		db.ids = append(db.ids, s.ID)
	}
	if !held.IsRemoved() {
		db.states[s.ID] = s
	}
}

// same reports whether a and b are copies of one version.
func same(a, b order.State) bool {
	is, err := order.SameVersion(a, b)
	if err != nil {
		panic(err)
	}
	return is
}

// Find implements orderactor.OrderDB.
func (db *orderDB) Find(_ context.Context, id string) (s order.State, ok bool, err error) {
	if db.w.mutation.LossIgnored {
		return s, false, nil
	}
	err = db.w.step("find "+id, func() { s, ok = db.states[id] })
	return s.Clone(), ok, err
}

// Stuck lists the orders that the reconciler must resume.
func (db *orderDB) Stuck(_ context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) (ids []string, err error) {
	err = db.w.step("list stuck orders", func() {
		for _, id := range db.ids {
			s := db.states[id]
			unpaid := s.Status == order.Created && now.Sub(s.UpdatedAt) >= unpaidFor && !db.w.mutation.UnpaidIgnored
			overdue := s.Status == order.Confirmed && now.Sub(*s.DeliverAt) >= overdueBy && !db.w.mutation.OverdueIgnored
			if (unpaid || overdue || s.VoidPending) && len(ids) < limit {
				ids = append(ids, id)
			}
		}
	})
	return ids, err
}

// reminders is a fake of the scheduler: a reminder fires until its turn succeeds. It may be late or fire twice.
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
	if r.w.mutation.ReminderAfterSave {
		r.w.unset[r.w.clock.running] = set
		return nil
	}
	return r.w.step("set the reminder of "+id, set)
}

// Remove implements orderactor.Reminders. Here all reminders have the same name.
func (r *reminders) Remove(_ context.Context, id, _ string) error {
	return r.w.step("remove the reminder of "+id, func() {
		if mine := r.set[id]; mine != nil {
			mine.done = true
		}
	})
}

func (r *reminders) fire(id string, mine *reminder, in time.Duration) {
	if r.w.fault(r.w.plan.late) {
		in += time.Duration(r.w.choices.IntN(20)) * time.Second
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
