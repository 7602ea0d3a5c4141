package simulate

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"orders/orders-actor/order"
)

// stranger is another app of the namespace that hosts the actor type Order too: for a while placement gives it a share of
// the orders. It has no key. It drops and delays what it gets, forges replies and commands, sends on to our hosts what it got, at
// once or later, and keeps their sealed replies to answer other commands with.
type stranger struct {
	w           *world
	from, until time.Duration
	given       map[string]bool // whether placement gives it an order
	replies     [][]byte        // sealed ones of ours, to commands that it sent on
}

func newStranger(w *world) *stranger {
	s := &stranger{w: w, given: map[string]bool{}}
	if w.plan.stranger > 0 {
		s.from = time.Duration(w.choose.Below(10_000)) * time.Millisecond
		s.until = min(faultsFor, s.from+time.Duration(w.choose.Below(20_000))*time.Millisecond)
	}
	return s
}

// hosts says whether this order's messages go to the stranger now.
func (s *stranger) hosts(id string) bool {
	if s.w.clock.now < s.from || s.w.clock.now >= s.until {
		return false
	}
	given, known := s.given[id]
	if !known {
		given = s.w.choose.Below(1024) >= 1024-s.w.plan.stranger
		s.given[id] = given
	}
	return given
}

// take does something with a message that came to the stranger.
func (s *stranger) take(id string, m message, c *call[reply]) {
	w := s.w
	w.faults++
	w.stolen++
	w.tell("the stranger gets %q for %s", m.method, id)
	if w.choose.Below(2) == 1 { // a host of ours gets it later, as a replay
		s.relay(id, m, time.Duration(w.choose.Below(20_000))*time.Millisecond, func(reply) {})
	}
	if w.choose.Below(4) == 3 { // and a confirmation that no payment stands behind
		s.relay(id, message{"settle", forge(order.Settle{ID: id, Confirmed: true})}, w.delay(), func(reply) {})
	}
	wait := w.delay()
	if w.choose.Below(4) == 3 {
		wait = time.Duration(w.choose.Below(12_000)) * time.Millisecond // longer than some callers wait
	}
	answer := func(data []byte) { w.clock.after(wait, func() { c.reply(reply{data: data}) }) }
	switch choice := w.choose.Below(8); {
	case m.method == "" && choice < 4: // acknowledged, and nothing is delivered
		answer(nil)
	case m.method == "", choice == 1: // dropped
	case choice == 0: // passed on, and its reply back
		s.relay(id, m, wait, c.reply)
	case choice == 2: // the same, altered
		s.relay(id, m, wait, func(r reply) {
			if r.data = slices.Clone(r.data); len(r.data) > 0 {
				r.data[w.choose.Below(len(r.data))] ^= 1
			}
			c.reply(r)
		})
	case choice == 3:
		answer(bytes.Repeat([]byte{'x'}, w.choose.Below(200)))
	case choice == 4:
		answer(m.body)
	case choice == 5 && len(s.replies) > 0:
		answer(s.replies[w.choose.Below(len(s.replies))])
	default:
		answer(s.acknowledgement(id, m.method))
	}
}

// relay sends a message to a host of ours, as far as placement lets it.
func (s *stranger) relay(id string, m message, after time.Duration, then func(reply)) {
	host := s.w.host(id)
	if host == nil || s.w.clock.now+after > faultsFor {
		return
	}
	s.w.clock.spawn(host, after, func(p *proc) {
		data, err := host.turn(p, id, m)
		if err == nil && m.method != "" {
			s.replies = append(s.replies, data)
		}
		then(reply{data, err})
	})
}

// acknowledgement is what the caller would like to hear, in the form that a reply has when it is opened.
func (s *stranger) acknowledgement(id, method string) []byte {
	now := s.w.clock.time()
	told := order.Order{ID: id, Status: order.Created, Version: 1, CreatedAt: now, UpdatedAt: now}
	switch {
	case method == "cancel" && s.w.choose.Below(4) == 3:
		return forge(map[string]any{"refusal": order.Refusal{Code: order.AlreadyDelivered}})
	case method == "cancel":
		told.Status, told.Version = order.Cancelled, 2
	}
	return forge(map[string]any{"order": told, "changed": true})
}

func forge(what any) []byte {
	data, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	return data
}
