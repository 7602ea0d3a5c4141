package simulate

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"orders/kit/simulate"
	"orders/orders-actor/order"
)

// otherApp is another app of the namespace that also hosts the actor type Order: for some time placement assigns a share of the
// orders to it. It has no keys. It drops and delays messages, forges replies and commands, forwards messages to our hosts at once or
// later, and answers commands with our hosts' sealed replies to other commands.
type otherApp struct {
	w           *world
	from, until time.Duration
	assigned    map[string]bool // whether placement assigns an order to it
	replies     [][]byte        // our hosts' sealed replies to commands that it has forwarded
}

func newOtherApp(w *world) *otherApp {
	a := &otherApp{w: w, assigned: map[string]bool{}}
	if w.plan.otherApp > 0 {
		a.from = time.Duration(w.IntN(10_000)) * time.Millisecond
		a.until = min(w.FaultsFor, a.from+time.Duration(w.IntN(20_000))*time.Millisecond)
	}
	return a
}

// hosts reports whether placement assigns the order to the app now.
func (a *otherApp) hosts(id string) bool {
	if a.w.Elapsed() < a.from || a.w.Elapsed() >= a.until {
		return false
	}
	assigned, known := a.assigned[id]
	if !known {
		assigned = a.w.IntN(1024) >= 1024-a.w.plan.otherApp
		a.assigned[id] = assigned
	}
	return assigned
}

// receive handles a message for an order that placement assigns to the app, with a random misbehaviour.
func (a *otherApp) receive(id string, m simulate.Message, reply func([]byte, error)) bool {
	w := a.w
	if !a.hosts(id) {
		return false
	}
	w.Faults++
	w.counters.Misrouted++
	w.Logf("another app gets %q for %s", m.Method, id)
	if w.IntN(2) == 1 { // replay it to one of our hosts later
		a.forward(id, m, time.Duration(w.IntN(20_000))*time.Millisecond, func([]byte, error) {})
	}
	if w.IntN(4) == 3 { // forge the confirmation of a payment
		a.forward(id, simulate.Message{Method: "settle", Body: forge(order.Settle{ID: id, Confirmed: true})}, w.Delay(), func([]byte, error) {})
	}
	wait := w.Delay()
	if w.IntN(4) == 3 {
		wait = time.Duration(w.IntN(12_000)) * time.Millisecond // longer than the timeout of some callers
	}
	answer := func(data []byte) { w.After(wait, func() { reply(data, nil) }) }
	switch choice := w.IntN(8); {
	case m.Method == "" && choice < 4: // acknowledged without a delivery
		answer(nil)
	case m.Method == "", choice == 1: // dropped
	case choice == 0: // forwarded, with the reply
		a.forward(id, m, wait, reply)
	case choice == 2: // the same with an altered reply
		a.forward(id, m, wait, func(data []byte, err error) {
			if data = slices.Clone(data); len(data) > 0 {
				data[w.IntN(len(data))] ^= 1
			}
			reply(data, err)
		})
	case choice == 3:
		answer(bytes.Repeat([]byte{'x'}, w.IntN(200)))
	case choice == 4:
		answer(m.Body)
	case choice == 5 && len(a.replies) > 0:
		answer(a.replies[w.IntN(len(a.replies))])
	default:
		answer(a.acknowledgement(id, m.Method))
	}
	return true
}

// forward sends a message to one of our hosts.
func (a *otherApp) forward(id string, m simulate.Message, after time.Duration, then func([]byte, error)) {
	host := a.w.Route(id)
	if host == nil || a.w.Elapsed()+after > a.w.FaultsFor {
		return
	}
	host.Go(after, func() {
		data, err := host.Turn(id, m)
		if err == nil && m.Method != "" {
			a.replies = append(a.replies, data)
		}
		then(data, err)
	})
}

// acknowledgement returns a forged reply in the form of an opened one.
func (a *otherApp) acknowledgement(id, method string) []byte {
	now := a.w.Now()
	o := order.Order{ID: id, Status: order.Created, Version: 1, CreatedAt: now, UpdatedAt: now}
	switch {
	case method == "cancel" && a.w.IntN(4) == 3:
		return forge(map[string]any{"refusal": order.Refusal{Code: order.AlreadyDelivered}})
	case method == "cancel":
		o.Status, o.Version = order.Cancelled, 2
	}
	return forge(map[string]any{"order": o, "changed": true})
}

func forge(what any) []byte {
	data, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	return data
}
