package simulate

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

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
		a.from = time.Duration(w.choices.IntN(10_000)) * time.Millisecond
		a.until = min(faultsFor, a.from+time.Duration(w.choices.IntN(20_000))*time.Millisecond)
	}
	return a
}

// hosts reports whether placement assigns the order to the app now.
func (a *otherApp) hosts(id string) bool {
	if a.w.clock.now < a.from || a.w.clock.now >= a.until {
		return false
	}
	assigned, known := a.assigned[id]
	if !known {
		assigned = a.w.choices.IntN(1024) >= 1024-a.w.plan.otherApp
		a.assigned[id] = assigned
	}
	return assigned
}

// receive handles a message for an order, with a random misbehaviour.
func (a *otherApp) receive(id string, m message, c *call[reply]) {
	w := a.w
	w.Faults++
	w.Misrouted++
	w.log("another app gets %q for %s", m.method, id)
	if w.choices.IntN(2) == 1 { // replay it to one of our hosts later
		a.forward(id, m, time.Duration(w.choices.IntN(20_000))*time.Millisecond, func(reply) {})
	}
	if w.choices.IntN(4) == 3 { // forge the confirmation of a payment
		a.forward(id, message{"settle", forge(order.Settle{ID: id, Confirmed: true})}, w.delay(), func(reply) {})
	}
	wait := w.delay()
	if w.choices.IntN(4) == 3 {
		wait = time.Duration(w.choices.IntN(12_000)) * time.Millisecond // longer than the timeout of some callers
	}
	answer := func(data []byte) { w.clock.after(wait, func() { c.reply(reply{data: data}) }) }
	switch choice := w.choices.IntN(8); {
	case m.method == "" && choice < 4: // acknowledged without a delivery
		answer(nil)
	case m.method == "", choice == 1: // dropped
	case choice == 0: // forwarded, with the reply
		a.forward(id, m, wait, c.reply)
	case choice == 2: // the same with an altered reply
		a.forward(id, m, wait, func(r reply) {
			if r.data = slices.Clone(r.data); len(r.data) > 0 {
				r.data[w.choices.IntN(len(r.data))] ^= 1
			}
			c.reply(r)
		})
	case choice == 3:
		answer(bytes.Repeat([]byte{'x'}, w.choices.IntN(200)))
	case choice == 4:
		answer(m.body)
	case choice == 5 && len(a.replies) > 0:
		answer(a.replies[w.choices.IntN(len(a.replies))])
	default:
		answer(a.acknowledgement(id, m.method))
	}
}

// forward sends a message to one of our hosts.
func (a *otherApp) forward(id string, m message, after time.Duration, then func(reply)) {
	host := a.w.host(id)
	if host == nil || a.w.clock.now+after > faultsFor {
		return
	}
	a.w.clock.spawn(host, after, func(p *proc) {
		data, err := host.turn(p, id, m)
		if err == nil && m.method != "" {
			a.replies = append(a.replies, data)
		}
		then(reply{data, err})
	})
}

// acknowledgement returns a forged reply in the form of an opened one.
func (a *otherApp) acknowledgement(id, method string) []byte {
	now := a.w.clock.time()
	o := order.Order{ID: id, Status: order.Created, Version: 1, CreatedAt: now, UpdatedAt: now}
	switch {
	case method == "cancel" && a.w.choices.IntN(4) == 3:
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
