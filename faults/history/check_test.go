package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// at is a moment of the forged history, in ms.
func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func items(sku string) []order.Item {
	return []order.Item{{SKU: sku, Name: "Green tea", Quantity: 2, UnitPrice: 450}}
}

// forge is a history with three orders: d was delivered, c cancelled by its customer, n declined.
type forge struct {
	h History
	w World
}

// change alters an order wherever the service holds it.
func (f *forge) change(id string, alter func(*order.Order)) {
	o := f.w.Orders[id]
	o.History = append([]order.Entry(nil), o.History...)
	alter(&o)
	f.w.Orders[id] = o
	f.w.Listed[id] = o
	f.w.Actors[id] = order.State{Order: o}
}

func (f *forge) call(i int) *Call { return &f.h.Calls[i] }

func good(t *testing.T) *forge {
	t.Helper()
	f := &forge{w: World{
		At: at(30_000), Soon: 5 * time.Second,
		Orders: map[string]order.Order{}, Listed: map[string]order.Order{}, Actors: map[string]order.State{},
		Payments: map[string]Payment{
			"d": {Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1},
			"c": {Status: "voided", Amount: 900, Currency: "EUR"},
			"n": {Status: "declined", Amount: 900, Currency: "EUR"},
		},
	}}
	log := func(s order.State) {
		cursor := string(rune('a' + len(f.w.Feed)))
		f.w.Feed = append(f.w.Feed, FeedEvent{Cursor: cursor, Order: s.Order, At: s.UpdatedAt})
	}
	create := func(id string) order.State {
		s, err := order.New(order.Create{
			ID: id, Auth: order.Auth{User: "alice", Role: "customer"}, Items: items("tea-" + id), Currency: "EUR",
		}, at(0))
		require.NoError(t, err)
		reply := s.Order
		f.h.Calls = append(f.h.Calls, Call{
			Op: Create, Client: "alice", Order: id, Key: "k-" + id, Items: items("tea-" + id), Currency: "EUR",
			Sent: at(0), Got: at(10), Status: 201, Reply: &reply,
		})
		log(s)
		return s
	}
	end := func(s order.State) {
		f.w.Orders[s.ID], f.w.Listed[s.ID], f.w.Actors[s.ID] = s.Order, s.Order, s
	}

	d := create("d") // call 0
	d, _ = d.Settle(order.Settle{ID: "d", Confirmed: true, Attempts: 1}, at(100), 10*time.Second)
	log(d)
	d, _ = d.Deliver(at(10_200))
	log(d)
	end(d)

	c := create("c") // call 1
	c, _, err := c.Cancel(order.Cancel{ID: "c", User: "alice", By: order.ByCustomer}, at(50))
	require.NoError(t, err)
	reply := c.Order
	f.h.Calls = append(f.h.Calls, // calls 2 to 4
		Call{Op: Cancel, Client: "alice", Order: "c", Sent: at(40), Got: at(60), Status: 200, Reply: &reply},
		Call{Op: Read, Client: "alice", Order: "c", Sent: at(70), Got: at(80), Status: 200, Reply: &reply},
		Call{Op: Cancel, Client: "alice", Order: "d", Sent: at(11_000), Got: at(11_010), Status: 409, Code: "already-delivered"},
	)
	log(c)
	c, _ = c.Voided()
	end(c)

	n := create("n") // call 5
	n, _ = n.Settle(order.Settle{ID: "n", Reason: "no funds", Attempts: 1}, at(200), 10*time.Second)
	log(n)
	end(n)

	f.h.Readings = []Reading{
		{Reader: "reader 1", Customer: "alice", Events: append([]FeedEvent(nil), f.w.Feed...), Complete: true},
		{Reader: "reader 2", Start: map[string]int{"d": 1}, Events: append([]FeedEvent(nil), f.w.Feed[1:]...), Complete: true},
	}
	return f
}

func TestAGoodHistoryPasses(t *testing.T) {
	f := good(t)
	assert.Empty(t, Check(f.h, f.w))
	assert.Equal(t, 100*time.Millisecond, Lateness(f.w))
}

func TestAnUnansweredCallMayHaveHappenedOrNot(t *testing.T) {
	f := good(t)
	f.h.Calls = append(f.h.Calls,
		Call{Op: Create, Client: "bob", Key: "k-x", Items: items("tea-x"), Currency: "EUR", Sent: at(1), Got: at(900)},
		Call{Op: Cancel, Client: "alice", Order: "d", Sent: at(1), Got: at(900)},
		Call{Op: Cancel, Client: "alice", Order: "n", Sent: at(1), Got: at(900), Status: 503, Code: "unavailable"},
	)
	stillborn, err := order.New(order.Create{ID: "s", Auth: order.Auth{User: "bob"}, Items: items("tea-x"), Currency: "EUR"}, at(5))
	require.NoError(t, err)
	f.w.Actors["s"] = stillborn
	*f.call(0) = Call{Op: Create, Client: "alice", Key: "k-d", Items: items("tea-d"), Currency: "EUR", Sent: at(0), Got: at(900)}
	assert.Empty(t, Check(f.h, f.w))
}

func TestEachKindOfBreakIsFound(t *testing.T) {
	tests := []struct {
		name  string
		want  Invariant
		order string
		forge func(*forge)
	}{
		{"an acknowledged create is gone", CreateKept, "c", func(f *forge) {
			delete(f.w.Orders, "c")
		}},
		{"an acknowledged create has no actor", CreateKept, "d", func(f *forge) {
			delete(f.w.Actors, "d")
		}},
		{"an order holds other items than asked for", CreateKept, "d", func(f *forge) {
			f.change("d", func(o *order.Order) { o.Items = items("coffee") })
		}},
		{"charged twice", ChargedOnce, "d", func(f *forge) {
			f.w.Payments["d"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 2}
		}},
		{"charged another amount", ChargedOnce, "d", func(f *forge) {
			f.w.Payments["d"] = Payment{Status: "confirmed", Amount: 901, Currency: "EUR", Charges: 1}
		}},
		{"charged without an order", ChargedOnce, "ghost", func(f *forge) {
			f.w.Payments["ghost"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
		}},
		{"delivered though the ledger declined", ChargedOnce, "d", func(f *forge) {
			f.w.Payments["d"] = Payment{Status: "declined", Amount: 900, Currency: "EUR"}
		}},
		{"cancelled after delivered", FinalIsFinal, "d", func(f *forge) {
			f.change("d", func(o *order.Order) {
				o.Status, o.Version = order.Cancelled, 4
				o.History = append(o.History, order.Entry{Version: 4, Status: order.Cancelled, At: o.UpdatedAt, Cause: "cancel"})
			})
		}},
		{"one version shown with two statuses", FinalIsFinal, "c", func(f *forge) {
			other := *f.call(2).Reply
			other.Status = order.Confirmed
			f.h.Calls = append(f.h.Calls, Call{Op: Read, Client: "alice", Order: "c", Sent: at(45), Got: at(46), Status: 200, Reply: &other})
		}},
		{"a cancel acknowledged and delivered", CancelKept, "d", func(f *forge) {
			f.h.Calls[4].Status, f.h.Calls[4].Code = 200, ""
		}},
		{"a cancel refused and still cancelled", CancelKept, "c", func(f *forge) {
			f.h.Calls[2].Status, f.h.Calls[2].Code, f.h.Calls[2].Reply = 409, "already-delivered", nil
		}},
		{"two cancels told that they cancelled the order", CancelKept, "c", func(f *forge) {
			f.h.Calls[2].Changed = true
			f.h.Calls = append(f.h.Calls, f.h.Calls[2])
		}},
		{"a cancel both acknowledged and refused", CancelKept, "c", func(f *forge) {
			f.h.Calls = append(f.h.Calls, Call{Op: Cancel, Client: "alice", Order: "c", Sent: at(90), Got: at(99), Status: 409, Code: "already-delivered"})
		}},
		{"a cancelled order is still charged", VoidArrives, "c", func(f *forge) {
			f.w.Payments["c"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
		}},
		{"the ledger never heard of the void", VoidArrives, "c", func(f *forge) {
			delete(f.w.Payments, "c")
		}},
		{"the void is still owed", VoidArrives, "c", func(f *forge) {
			s := f.w.Actors["c"]
			s.VoidPending = true
			f.w.Actors["c"] = s
		}},
		{"still confirmed long after it was due", FinalInTime, "d", func(f *forge) {
			f.change("d", func(o *order.Order) {
				o.Status, o.Version, o.History, o.UpdatedAt = order.Confirmed, 2, o.History[:2], o.History[1].At
			})
			f.w.Feed = append(f.w.Feed[:2], f.w.Feed[3:]...)
			f.h.Calls = append(f.h.Calls[:4], f.h.Calls[5:]...)
			f.h.Readings = nil
		}},
		{"still created", FinalInTime, "n", func(f *forge) {
			f.change("n", func(o *order.Order) { *o = *f.call(5).Reply })
			f.w.Feed = f.w.Feed[:len(f.w.Feed)-1]
			f.h.Readings = nil
		}},
		{"delivered before it was due", FinalInTime, "d", func(f *forge) {
			due := at(20_000)
			f.change("d", func(o *order.Order) { o.DeliverAt = &due })
			f.w.Feed[1].Order.DeliverAt, f.w.Feed[2].Order.DeliverAt = &due, &due
		}},
		{"delivered late", FinalInTime, "d", func(f *forge) {
			f.w.Soon = 50 * time.Millisecond
		}},
		{"a gap in the history", NoGaps, "d", func(f *forge) {
			f.change("d", func(o *order.Order) { o.History = append(o.History[:1:1], o.History[2]) })
		}},
		{"a step that the machine doesn't know", NoGaps, "d", func(f *forge) {
			f.change("d", func(o *order.Order) { o.History[1].Cause = "wish" })
		}},
		{"a gap in the event log", NoGaps, "d", func(f *forge) {
			f.w.Feed = append(f.w.Feed[:1:1], f.w.Feed[2:]...)
		}},
		{"a version twice in the event log", NoGaps, "d", func(f *forge) {
			f.w.Feed = append(f.w.Feed, f.w.Feed[2])
		}},
		{"a version with two contents", NoGaps, "d", func(f *forge) {
			other := f.w.Feed[1].Order
			other.UpdatedAt = at(101)
			f.h.Calls = append(f.h.Calls, Call{Op: Read, Client: "alice", Order: "d", Sent: at(102), Got: at(103), Status: 200, Reply: &other})
		}},
		{"the actor is ahead of the view", Converged, "n", func(f *forge) {
			s := f.w.Actors["n"].Clone()
			s.Version++
			s.History = append(s.History, order.Entry{Version: 3, Status: order.Cancelled, At: s.UpdatedAt, Cause: "cancel"})
			f.w.Actors["n"] = s
		}},
		{"the actor moved on and the view never knew", Converged, "n", func(f *forge) {
			delete(f.w.Orders, "n")
			delete(f.w.Listed, "n")
			f.w.Feed, f.h.Readings, f.h.Calls = f.w.Feed[:5], nil, f.h.Calls[:5]
		}},
		{"the list is behind the view", Converged, "d", func(f *forge) {
			f.w.Listed["d"] = *f.call(0).Reply
		}},
		{"the event log ends early", Converged, "n", func(f *forge) {
			f.w.Feed = f.w.Feed[:len(f.w.Feed)-1]
		}},
		{"a read after an acknowledged cancel doesn't show it", Converged, "c", func(f *forge) {
			f.h.Calls[3].Reply = f.call(1).Reply
		}},
		{"a read after an acknowledged create finds nothing", Converged, "c", func(f *forge) {
			f.h.Calls[3].Status, f.h.Calls[3].Reply = 404, nil
		}},
		{"a reader missed an event", FeedComplete, "c", func(f *forge) {
			r := &f.h.Readings[0]
			for i, e := range r.Events {
				if e.Order.ID == "c" {
					r.Events = append(r.Events[:i], r.Events[i+1:]...)
					return
				}
			}
		}},
		{"a reader missed the end", FeedComplete, "n", func(f *forge) {
			r := &f.h.Readings[1]
			r.Events = r.Events[:len(r.Events)-1]
		}},
		{"a reader got an event twice", FeedComplete, "d", func(f *forge) {
			r := &f.h.Readings[1]
			r.Events = append(r.Events[:1:1], r.Events...)
		}},
		{"a reader got another's order", FeedComplete, "d", func(f *forge) {
			f.h.Readings[0].Customer = "bob"
		}},
		{"two orders for one key", OneKeyOneOrder, "n", func(f *forge) {
			for _, i := range []int{0, 5} {
				f.call(i).Key = "k"
			}
		}},
		{"a second order that only one request asked for", OneKeyOneOrder, "n", func(f *forge) {
			f.change("n", func(o *order.Order) { o.Items = items("tea-d") })
			f.h.Calls = f.h.Calls[:5]
		}},
		{"two requests told that they made the order", OneKeyOneOrder, "d", func(f *forge) {
			f.h.Calls = append(f.h.Calls, *f.call(0))
		}},
		{"one key accepted with two bodies", OneKeyOneOrder, "d", func(f *forge) {
			again := *f.call(0)
			again.Currency = "USD"
			f.h.Calls = append(f.h.Calls, again)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good(t)
			tt.forge(f)
			breaks := Check(f.h, f.w)
			var found []Invariant
			for _, b := range breaks {
				if b.Order == tt.order {
					found = append(found, b.Invariant)
					assert.Contains(t, b.Story, "order "+tt.order, "the story names the order")
				}
			}
			assert.Contains(t, found, tt.want, "%v", breaks)
		})
	}
}

func TestTheStoryTellsWhatEverybodySawInTheOrderOfTime(t *testing.T) {
	f := good(t)
	f.w.Payments["c"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
	breaks := Check(f.h, f.w)
	require.Len(t, breaks, 1)
	assert.Equal(t, "invariant 5, a cancelled order that was charged gets its void: "+
		"the order is cancelled and its payment still stands\n"+
		"  order c\n"+
		"    12:00:00.000  alice asks create key=k-c → 201 version 1 created, payment pending (at 12:00:00.010)\n"+
		"    12:00:00.000  event log d: version 1 created, payment pending\n"+
		"    12:00:00.000  reader 1 got d: version 1 created, payment pending\n"+
		"    12:00:00.000  reader 2 got d: version 1 created, payment pending\n"+
		"    12:00:00.040  alice asks cancel → 200 version 2 cancelled, payment voided (at 12:00:00.060)\n"+
		"    12:00:00.050  event log e: version 2 cancelled, payment voided\n"+
		"    12:00:00.050  reader 1 got e: version 2 cancelled, payment voided\n"+
		"    12:00:00.050  reader 2 got e: version 2 cancelled, payment voided\n"+
		"    12:00:00.070  alice asks read → 200 version 2 cancelled, payment voided (at 12:00:00.080)\n"+
		"  at the end, 12:00:30.000\n"+
		"    view:   version 2 cancelled, payment voided\n"+
		"    actor:  version 2 cancelled, payment voided, void owed: false\n"+
		"    ledger: confirmed, 900 EUR, 1 charges\n", breaks[0].String())
}
