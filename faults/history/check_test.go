package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// at returns a time of the history, in ms after its start.
func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func items(sku string) []order.Item {
	return []order.Item{{SKU: sku, Name: "Green tea", Quantity: 2, UnitPrice: 450}}
}

// fixture is a history with its stores. It has three orders: d was delivered, c cancelled by its customer, the payment of n declined.
type fixture struct {
	h History
	s Stores
}

// change changes an order in all stores.
func (f *fixture) change(id string, edit func(*order.Order)) {
	o := f.s.Orders[id]
	o.History = append([]order.Entry(nil), o.History...)
	edit(&o)
	f.s.Orders[id] = o
	f.s.Listed[id] = o
	f.s.Actors[id] = order.State{Order: o}
}

func (f *fixture) call(i int) *Call { return &f.h.Calls[i] }

func valid(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{s: Stores{
		At: at(30_000), MaxLateness: 5 * time.Second,
		Orders: map[string]order.Order{}, Listed: map[string]order.Order{}, Actors: map[string]order.State{},
		Payments: map[string]Payment{
			"d": {Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1},
			"c": {Status: "voided", Amount: 900, Currency: "EUR"},
			"n": {Status: "declined", Amount: 900, Currency: "EUR"},
		},
	}}
	log := func(s order.State) {
		cursor := string(rune('a' + len(f.s.Feed)))
		f.s.Feed = append(f.s.Feed, FeedEvent{Cursor: cursor, Order: s.Order, At: s.UpdatedAt})
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
		f.s.Orders[s.ID], f.s.Listed[s.ID], f.s.Actors[s.ID] = s.Order, s.Order, s
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
		{Reader: "reader 1", Customer: "alice", Events: append([]FeedEvent(nil), f.s.Feed...), Complete: true},
		{Reader: "reader 2", Events: append([]FeedEvent(nil), f.s.Feed...), Complete: true},
	}
	return f
}

func TestValidHistoryHasNoViolations(t *testing.T) {
	f := valid(t)
	assert.Empty(t, Check(f.h, f.s))
	assert.Equal(t, 100*time.Millisecond, f.s.Lateness())
}

func TestCallsWithoutReplyMayBeExecutedOrNot(t *testing.T) {
	f := valid(t)
	f.h.Calls = append(f.h.Calls,
		Call{Op: Create, Client: "bob", Key: "k-x", Items: items("tea-x"), Currency: "EUR", Sent: at(1), Got: at(900)},
		Call{Op: Cancel, Client: "alice", Order: "d", Sent: at(1), Got: at(900)},
		Call{Op: Cancel, Client: "alice", Order: "n", Sent: at(1), Got: at(900), Status: 503, Code: "unavailable"},
	)
	unread, err := order.New(order.Create{ID: "s", Auth: order.Auth{User: "bob"}, Items: items("tea-x"), Currency: "EUR"}, at(5))
	require.NoError(t, err)
	f.s.Actors["s"] = unread
	*f.call(0) = Call{Op: Create, Client: "alice", Key: "k-d", Items: items("tea-d"), Currency: "EUR", Sent: at(0), Got: at(900)}
	assert.Empty(t, Check(f.h, f.s))
}

func TestEachViolationIsReported(t *testing.T) {
	tests := []struct {
		name   string
		want   Invariant
		order  string
		mutate func(*fixture)
	}{
		{"an acknowledged create is lost", CreateKept, "c", func(f *fixture) {
			delete(f.s.Orders, "c")
		}},
		{"an acknowledged create has no actor state", CreateKept, "d", func(f *fixture) {
			delete(f.s.Actors, "d")
		}},
		{"an order has other items than its create", CreateKept, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) { o.Items = items("coffee") })
		}},
		{"an order is not that of the customer whom its operator named", CreateKept, "d", func(f *fixture) {
			f.call(0).Customer = "bob"
		}},
		{"the history names another creator", CreateKept, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) { o.History[0].User = "bob" })
		}},
		{"charged twice", ChargedOnce, "d", func(f *fixture) {
			f.s.Payments["d"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 2}
		}},
		{"charged a different amount", ChargedOnce, "d", func(f *fixture) {
			f.s.Payments["d"] = Payment{Status: "confirmed", Amount: 901, Currency: "EUR", Charges: 1}
		}},
		{"charged without an order", ChargedOnce, "ghost", func(f *fixture) {
			f.s.Payments["ghost"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
		}},
		{"delivered although the ledger declined the payment", ChargedOnce, "d", func(f *fixture) {
			f.s.Payments["d"] = Payment{Status: "declined", Amount: 900, Currency: "EUR"}
		}},
		{"cancelled after delivered", FinalIsFinal, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) {
				o.Status, o.Version = order.Cancelled, 4
				o.History = append(o.History, order.Entry{Version: 4, Status: order.Cancelled, At: o.UpdatedAt, Cause: "cancel"})
			})
		}},
		{"one version with two statuses", FinalIsFinal, "c", func(f *fixture) {
			other := *f.call(2).Reply
			other.Status = order.Confirmed
			f.h.Calls = append(f.h.Calls, Call{Op: Read, Client: "alice", Order: "c", Sent: at(45), Got: at(46), Status: 200, Reply: &other})
		}},
		{"a cancel is acknowledged and the order delivered", CancelKept, "d", func(f *fixture) {
			f.h.Calls[4].Status, f.h.Calls[4].Code = 200, ""
		}},
		{"a cancel is refused and the order cancelled", CancelKept, "c", func(f *fixture) {
			f.h.Calls[2].Status, f.h.Calls[2].Code, f.h.Calls[2].Reply = 409, "already-delivered", nil
		}},
		{"two replies say that they cancelled the order", CancelKept, "c", func(f *fixture) {
			f.h.Calls[2].Changed = true
			f.h.Calls = append(f.h.Calls, f.h.Calls[2])
		}},
		{"the history names another user for a cancel", CancelKept, "c", func(f *fixture) {
			f.h.Calls[2].Changed = true
			f.change("c", func(o *order.Order) { o.History[1].User = "bob" })
		}},
		{"one cancel is acknowledged and one refused", CancelKept, "c", func(f *fixture) {
			f.h.Calls = append(f.h.Calls, Call{Op: Cancel, Client: "alice", Order: "c", Sent: at(90), Got: at(99), Status: 409, Code: "already-delivered"})
		}},
		{"a cancelled order is still charged", VoidArrives, "c", func(f *fixture) {
			f.s.Payments["c"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
		}},
		{"the ledger has no void", VoidArrives, "c", func(f *fixture) {
			delete(f.s.Payments, "c")
		}},
		{"the void is still pending", VoidArrives, "c", func(f *fixture) {
			s := f.s.Actors["c"]
			s.VoidPending = true
			f.s.Actors["c"] = s
		}},
		{"still confirmed long after it was due", FinalInTime, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) {
				o.Status, o.Version, o.History, o.UpdatedAt = order.Confirmed, 2, o.History[:2], o.History[1].At
			})
			f.s.Feed = append(f.s.Feed[:2], f.s.Feed[3:]...)
			f.h.Calls = append(f.h.Calls[:4], f.h.Calls[5:]...)
			f.h.Readings = nil
		}},
		{"still created", FinalInTime, "n", func(f *fixture) {
			f.change("n", func(o *order.Order) { *o = *f.call(5).Reply })
			f.s.Feed = f.s.Feed[:len(f.s.Feed)-1]
			f.h.Readings = nil
		}},
		{"delivered before it was due", FinalInTime, "d", func(f *fixture) {
			due := at(20_000)
			f.change("d", func(o *order.Order) { o.DeliverAt = &due })
			f.s.Feed[1].Order.DeliverAt, f.s.Feed[2].Order.DeliverAt = &due, &due
		}},
		{"delivered late", FinalInTime, "d", func(f *fixture) {
			f.s.MaxLateness = 50 * time.Millisecond
		}},
		{"a gap in the history", NoGaps, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) { o.History = append(o.History[:1:1], o.History[2]) })
		}},
		{"a transition that the state machine doesn't have", NoGaps, "d", func(f *fixture) {
			f.change("d", func(o *order.Order) { o.History[1].Cause = "wish" })
		}},
		{"a gap in the event log", NoGaps, "d", func(f *fixture) {
			f.s.Feed = append(f.s.Feed[:1:1], f.s.Feed[2:]...)
		}},
		{"a version twice in the event log", NoGaps, "d", func(f *fixture) {
			f.s.Feed = append(f.s.Feed, f.s.Feed[2])
		}},
		{"a version with two contents", NoGaps, "d", func(f *fixture) {
			other := f.s.Feed[1].Order
			other.UpdatedAt = at(101)
			f.h.Calls = append(f.h.Calls, Call{Op: Read, Client: "alice", Order: "d", Sent: at(102), Got: at(103), Status: 200, Reply: &other})
		}},
		{"the actor is newer than the order database", Converged, "n", func(f *fixture) {
			s := f.s.Actors["n"].Clone()
			s.Version++
			s.History = append(s.History, order.Entry{Version: 3, Status: order.Cancelled, At: s.UpdatedAt, Cause: "cancel"})
			f.s.Actors["n"] = s
		}},
		{"the actor has version 2 and the order database has nothing", Converged, "n", func(f *fixture) {
			delete(f.s.Orders, "n")
			delete(f.s.Listed, "n")
			f.s.Feed, f.h.Readings, f.h.Calls = f.s.Feed[:5], nil, f.h.Calls[:5]
		}},
		{"the list is older than the order database", Converged, "d", func(f *fixture) {
			f.s.Listed["d"] = *f.call(0).Reply
		}},
		{"the event log ends early", Converged, "n", func(f *fixture) {
			f.s.Feed = f.s.Feed[:len(f.s.Feed)-1]
		}},
		{"a read after an acknowledged cancel doesn't show it", Converged, "c", func(f *fixture) {
			f.h.Calls[3].Reply = f.call(1).Reply
		}},
		{"a read after an acknowledged create is answered 404", Converged, "c", func(f *fixture) {
			f.h.Calls[3].Status, f.h.Calls[3].Reply = 404, nil
		}},
		{"a reader missed an event", FeedComplete, "c", func(f *fixture) {
			r := &f.h.Readings[0]
			for i, e := range r.Events {
				if e.Order.ID == "c" {
					r.Events = append(r.Events[:i], r.Events[i+1:]...)
					return
				}
			}
		}},
		{"a reader missed the end", FeedComplete, "n", func(f *fixture) {
			r := &f.h.Readings[1]
			r.Events = r.Events[:len(r.Events)-1]
		}},
		{"a reader got an event twice", FeedComplete, "d", func(f *fixture) {
			r := &f.h.Readings[1]
			r.Events = append(r.Events[:1:1], r.Events...)
		}},
		{"a reader got an order of another customer", FeedComplete, "d", func(f *fixture) {
			f.h.Readings[0].Customer = "bob"
		}},
		{"two orders for one key", OneKeyOneOrder, "n", func(f *fixture) {
			for _, i := range []int{0, 5} {
				f.call(i).Key = "k"
			}
		}},
		{"two orders for one request", OneKeyOneOrder, "n", func(f *fixture) {
			f.change("n", func(o *order.Order) { o.Items = items("tea-d") })
			f.h.Calls = f.h.Calls[:5]
		}},
		{"two replies say that they created the order", OneKeyOneOrder, "d", func(f *fixture) {
			f.h.Calls = append(f.h.Calls, *f.call(0))
		}},
		{"one key is accepted with two bodies", OneKeyOneOrder, "d", func(f *fixture) {
			again := *f.call(0)
			again.Currency = "USD"
			f.h.Calls = append(f.h.Calls, again)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := valid(t)
			tt.mutate(f)
			violations := Check(f.h, f.s)
			var found []Invariant
			for _, v := range violations {
				if v.Order == tt.order {
					found = append(found, v.Invariant)
					assert.Contains(t, v.Trace, "order "+tt.order)
				}
			}
			assert.Contains(t, found, tt.want, "%v", violations)
		})
	}
}

func TestTraceHasAllEventsOrderedByTime(t *testing.T) {
	f := valid(t)
	f.s.Payments["c"] = Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
	violations := Check(f.h, f.s)
	require.Len(t, violations, 1)
	assert.Equal(t, "invariant 5, a cancelled order that was charged gets its void: "+
		"the order is cancelled, and its payment is not voided\n"+
		"  order c\n"+
		"    12:00:00.000  alice sends create key=k-c → 201 version 1 created, payment pending (at 12:00:00.010)\n"+
		"    12:00:00.000  event log d: version 1 created, payment pending\n"+
		"    12:00:00.000  reader 1 got d: version 1 created, payment pending\n"+
		"    12:00:00.000  reader 2 got d: version 1 created, payment pending\n"+
		"    12:00:00.040  alice sends cancel → 200 version 2 cancelled, payment voided (at 12:00:00.060)\n"+
		"    12:00:00.050  event log e: version 2 cancelled, payment voided\n"+
		"    12:00:00.050  reader 1 got e: version 2 cancelled, payment voided\n"+
		"    12:00:00.050  reader 2 got e: version 2 cancelled, payment voided\n"+
		"    12:00:00.070  alice sends read → 200 version 2 cancelled, payment voided (at 12:00:00.080)\n"+
		"  at the end, 12:00:30.000\n"+
		"    order database: version 2 cancelled, payment voided\n"+
		"    actor: version 2 cancelled, payment voided, void pending: false\n"+
		"    ledger: confirmed, 900 EUR, 1 charges\n", violations[0].String())
}
