package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/faults/history"
	"orders/kit/simulate"
	"orders/orders-actor/order"
)

// answer is a REST reply.
type answer struct {
	status   int
	code     string
	replayed bool
	changed  bool
	order    *order.Order
	events   []history.FeedEvent
}

// rest sends a request to a replica, which serves it in its own process: the client may reach its timeout, and the replica may crash.
func (w *world) rest(serve func() answer) answer {
	w.Sleep(w.Delay())
	alive := w.Alive()
	if len(alive) == 0 || w.Fault(w.Rates.Lost) {
		return answer{}
	}
	a, _ := simulate.Request(w.Simulation, alive[w.IntN(len(alive))], 5*time.Second, serve)
	w.Sleep(w.Delay())
	return a
}

// call sends a request, records it with its reply, and reports whether the reply is final.
func (w *world) call(c history.Call, serve func() answer) (_ history.Call, final bool) {
	c.Sent = w.Now()
	a := w.rest(serve)
	c.Got, c.Status, c.Code, c.Replayed, c.Changed, c.Reply = w.Now(), a.status, a.code, a.replayed, a.changed, a.order
	if a.order != nil {
		c.Order = a.order.ID
	}
	w.recorder.Call(c)
	return c, a.status != 0 && a.status != 503
}

// startClients starts one to three customers with one or two orders each, and two readers of the feed.
func (w *world) startClients() {
	for i := range 1 + w.IntN(3) {
		user := fmt.Sprintf("user-%d", i+1)
		w.client(time.Duration(w.IntN(2_000))*time.Millisecond, func() { w.customer(user, i) })
	}
	for i, customer := range []string{"", "user-1"} {
		w.client(0, func() { w.reader(fmt.Sprintf("reader-%d", i+1), customer) })
	}
}

func (w *world) client(after time.Duration, do func()) {
	w.clients++
	w.Go(after, func() {
		do()
		w.clients--
	})
}

// operator creates some of the orders for their customers.
const operator = "operator"

func (w *world) customer(user string, number int) {
	want := history.Call{
		Op: history.Create, Client: user, Currency: "EUR",
		Items: []order.Item{{SKU: fmt.Sprintf("sku-%d", number), Name: "Tea", Quantity: 1 + w.IntN(3), UnitPrice: 100}},
	}
	attempts := 1
	if w.IntN(6) == 5 {
		want.Client, want.Customer = operator, user
	}
	if w.IntN(5) < 4 {
		want.Key, attempts = "key of "+user, 4
		if w.IntN(4) == 3 { // the same request again at the same time
			w.client(time.Duration(w.IntN(20))*time.Millisecond, func() { w.create(want, attempts) })
		}
		if w.IntN(4) == 3 { // the same request again much later
			w.client(time.Duration(w.IntN(60))*time.Second, func() { w.create(want, attempts) })
		}
		if w.IntN(8) == 7 { // another body with the same key
			other := want
			if other.Customer != "" {
				other.Customer = "another customer"
			} else {
				other.Currency = "USD"
			}
			w.client(time.Duration(w.IntN(2_000))*time.Millisecond, func() { w.create(other, 1) })
		}
	}
	id := w.create(want, attempts)
	if id == "" {
		return
	}
	for range w.IntN(4) {
		w.Sleep(w.pause())
		switch w.IntN(3) {
		case 0:
			w.read(user, id)
		case 1:
			w.cancel(user, id, 0)
			w.read(user, id)
		case 2:
			w.cancel(user, id, 1+w.IntN(2))
		}
	}
}

// pause is the time until a client's next request: it is sent at once, during the payment, or around the due time.
func (w *world) pause() time.Duration {
	switch w.IntN(3) {
	case 0:
		return time.Duration(w.IntN(50)) * time.Millisecond
	case 1:
		return time.Duration(w.IntN(3_000)) * time.Millisecond
	default:
		return deliverAfter - time.Duration(w.IntN(200))*time.Millisecond
	}
}

func (w *world) create(want history.Call, attempts int) (id string) {
	for range attempts {
		c, final := w.call(want, func() answer { return w.serveCreate(want) })
		if final {
			return c.Order
		}
		w.Sleep(time.Duration(1+w.IntN(3)) * time.Second)
	}
	return ""
}

// serveCreate does what package rest does: it invokes the actor whose id is derived from the key.
func (w *world) serveCreate(c history.Call) answer {
	fingerprint, role := c.Items[0].SKU+c.Currency, "customer"
	if c.Customer != "" {
		fingerprint, role = fingerprint+c.Customer, "operator"
	}
	id := keyID(c.Client, c.Key)
	switch {
	case c.Key == "":
		id = w.newID()
	case w.mutation.KeysExpire:
		id = w.claimed(c.Client, c.Key)
	}
	if w.mutation.NoFingerprint {
		fingerprint = ""
	}
	customer := c.Customer
	if w.mutation.CustomerIgnored {
		customer = ""
	}
	o, replayed, err := w.orders.Create(context.Background(), order.Create{
		ID: id, Auth: order.Auth{User: c.Client, Role: role}, Customer: customer, Items: c.Items, Currency: c.Currency, Fingerprint: fingerprint,
		NewID: c.Key == "",
	})
	return respond(answer{status: 201, replayed: replayed, order: &o}, err)
}

// claimed returns the order of a key with the mutation KeysExpire.
func (w *world) claimed(user, key string) string {
	at := [2]string{user, key}
	claimed, taken := w.claims[at]
	if !taken || w.Elapsed()-claimed.at > keyLife {
		claimed = claim{id: w.newID(), at: w.Elapsed()}
		w.claims[at] = claimed
	}
	return claimed.id
}

func (w *world) cancel(user, id string, ifVersion int) {
	for range 3 {
		_, final := w.call(history.Call{Op: history.Cancel, Client: user, Order: id, IfVersion: ifVersion}, func() answer {
			o, changed, err := w.orders.Cancel(context.Background(), order.Cancel{ID: id, User: user, By: order.ByCustomer, IfVersion: ifVersion})
			return respond(answer{status: 200, changed: changed, order: &o}, err)
		})
		if final {
			return
		}
		w.Sleep(time.Second)
	}
}

func (w *world) read(user, id string) {
	w.call(history.Call{Op: history.Read, Client: user, Order: id}, func() (a answer) {
		err := w.Step("read "+id, func() {
			a = answer{status: 404, code: string(order.OrderNotFound)}
			if s, ok := w.orderDB.states[id]; ok && !s.IsRemoved() {
				a = answer{status: 200, order: &s.Order}
			}
		})
		return respond(a, err)
	})
}

// reader follows the feed to its end, a few events at a time. It resumes from its cursor after each failure.
func (w *world) reader(name, customer string) {
	reading := history.Reading{Reader: name, Customer: customer, Complete: true}
	after := 0
	for {
		w.Sleep(time.Duration(500+w.IntN(9_000)) * time.Millisecond)
		last := w.clients <= 2 && w.Elapsed() > w.FaultsFor+20*time.Second && w.settled(false)
		var next int
		a := w.rest(func() answer {
			a := answer{status: 200}
			err := w.Step("feed of "+name, func() {
				next = after
				for ; next < len(w.orderDB.log) && len(a.events) < 3; next++ {
					if w.orderDB.states[w.orderDB.log[next].Order.ID].IsRemoved() {
						continue // erased
					}
					if e := w.orderDB.log[next]; customer == "" || e.Order.Customer == customer {
						a.events = append(a.events, e)
					}
				}
			})
			return respond(a, err)
		})
		if a.status != 200 {
			continue
		}
		after = next
		for _, e := range a.events {
			reading.Events = append(reading.Events, history.FeedEvent{Cursor: e.Cursor, Order: e.Order, At: w.Now()})
		}
		if last && after >= len(w.orderDB.log) || w.Elapsed() > endAt-10*time.Second {
			w.recorder.Reading(reading)
			return
		}
	}
}

// respond returns a, or the answer for an error.
func respond(a answer, err error) answer {
	var refusal *order.Refusal
	switch {
	case errors.As(err, &refusal):
		return answer{status: map[order.Code]int{
			order.OrderNotFound: 404, order.AlreadyDelivered: 409, order.VersionMismatch: 412, order.KeyReused: 422, order.OrderRemoved: 410,
		}[refusal.Code], code: string(refusal.Code)}
	case err != nil:
		return answer{status: 503, code: "unavailable"}
	}
	return a
}
