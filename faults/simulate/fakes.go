package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// store is a fake of the actor store: it has no compare-and-set, the last save wins.
type store struct {
	w      *world
	states map[string]order.State
	saved  map[string][]order.State // all saved states, for lose
}

// lose loses an order's newest states, as after a power cut or with an older backup: an earlier one is left, or none. The scheduler
// may lose the order's reminder too.
func (s *store) lose(id string) {
	if n := s.w.IntN(len(s.saved[id]) + 1); n > 0 {
		s.states[id] = s.saved[id][n-1]
	} else {
		delete(s.states, id)
	}
	s.w.Logf("the actor store loses states of %s", id)
	if s.w.HasReminder(id, reminderDeliver) && s.w.IntN(2) == 1 {
		s.w.Forget(id, reminderDeliver)
	}
}

func (s *store) Load(_ context.Context, id string) (held order.State, ok bool, err error) {
	err = s.w.Step("load "+id, func() { held, ok = s.states[id] })
	return held.Clone(), ok, err
}

func (s *store) Save(_ context.Context, state order.State) error {
	state = state.Clone()
	if s.w.mutation.NoPendingVoid {
		state.VoidPending = false
	}
	err := s.w.Step("save "+s.w.describe(state), func() {
		if state.IsRemoved() && s.w.mutation.NoTombstone {
			delete(s.states, state.ID)
			return
		}
		s.states[state.ID] = state
		s.saved[state.ID] = append(s.saved[state.ID], state)
	})
	if set := s.w.unset[s.w.Running()]; err == nil && set != nil { // only with ReminderAfterSave
		delete(s.w.unset, s.w.Running())
		return s.w.Step("set the reminder of "+state.ID, set)
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
		late := func() { _ = db.w.Step("put late", func() { _ = db.put(s) }) }
		if home := db.w.Home(); home != nil {
			home.Go(50*time.Millisecond, late)
		} else {
			db.w.Go(50*time.Millisecond, late)
		}
		return nil
	}
	lost := db.w.Step("put "+db.w.describe(s), func() { err = db.put(s) })
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
		db.w.Logf("the order database has %s already", db.w.describe(held))
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
		db.log = append(db.log, history.FeedEvent{Cursor: fmt.Sprintf("%08d", len(db.log)+1), Order: s.Order, At: db.w.Now()})
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
	err = db.w.Step("find "+id, func() { s, ok = db.states[id] })
	return s.Clone(), ok, err
}

// Stuck lists the orders that the reconciler must resume.
func (db *orderDB) Stuck(_ context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) (ids []string, err error) {
	err = db.w.Step("list stuck orders", func() {
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

// reminders is a port of the simulated scheduler.
type reminders struct{ w *world }

// reminderDeliver is the name of the only reminder.
const reminderDeliver = "deliver"

func (r reminders) Set(_ context.Context, id string, due time.Time) error {
	set := func() { r.w.Remind(id, reminderDeliver, due.Sub(r.w.Now())) }
	if r.w.mutation.ReminderAfterSave {
		r.w.unset[r.w.Running()] = set
		return nil
	}
	return r.w.Step("set the reminder of "+id, set)
}

// Remove implements orderactor.Reminders.
func (r reminders) Remove(_ context.Context, id, name string) error {
	return r.w.Step("remove the reminder of "+id, func() { r.w.Forget(id, name) })
}
