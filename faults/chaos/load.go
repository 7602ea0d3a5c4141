package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// customers is how many users share the orders.
const customers = 20

// load lets customers live: each order has a script of its own, which the seed decides.
type load struct {
	api          *api
	recorder     *history.Recorder
	seed         uint64
	deliverAfter time.Duration
}

// run starts n orders evenly over the time, and returns when the last script has ended.
func (l *load) run(ctx context.Context, n int, over time.Duration) {
	var scripts sync.WaitGroup
	defer scripts.Wait()
	began := time.Now()
	for i := range n {
		if !sleep(ctx, time.Until(began.Add(over*time.Duration(i)/time.Duration(n)))) {
			return
		}
		scripts.Go(func() { l.script(ctx, i) })
	}
}

// script is one customer's day.
func (l *load) script(ctx context.Context, i int) {
	r := rand.New(rand.NewPCG(l.seed, uint64(i)))
	want := history.Call{
		Op: history.Create, Client: fmt.Sprintf("customer-%d", i%customers), Currency: "EUR",
		Items: []order.Item{{SKU: fmt.Sprintf("sku-%d", i), Name: "Green tea", Quantity: 1 + r.IntN(3), UnitPrice: 450}},
	}
	kind := r.IntN(10)
	if kind == 0 {
		l.afterwards(ctx, r, want, l.buyWithoutKey(ctx, want))
		return
	}
	want.Key = fmt.Sprintf("key-%d", i)
	var others sync.WaitGroup
	defer others.Wait()
	switch kind {
	case 1: // the same request twice at once
		others.Go(func() { l.call(ctx, want, create, tries) })
	case 2: // the same request again later
		later := time.Duration(r.IntN(15_000)) * time.Millisecond
		others.Go(func() {
			if sleep(ctx, later) {
				l.call(ctx, want, create, tries)
			}
		})
	case 3: // another body under the same key
		other := want
		other.Currency = "USD"
		others.Go(func() {
			if sleep(ctx, 2*time.Second) {
				l.call(ctx, other, create, 1)
			}
		})
	}
	l.afterwards(ctx, r, want, l.call(ctx, want, create, tries))
}

// buyWithoutKey is for who must not repeat a create: without an answer they order something else.
func (l *load) buyWithoutKey(ctx context.Context, want history.Call) history.Call {
	for try := 1; ; try++ {
		made := l.call(ctx, want, create, 1)
		if made.Order != "" || try == tries || !sleep(ctx, time.Second) {
			return made
		}
		l.api.retries.Add(1)
		other := want.Items[0]
		other.SKU = fmt.Sprintf("%s-%d", other.SKU, try)
		want.Items = []order.Item{other}
	}
}

// afterwards is what the customer does once the order is made.
func (l *load) afterwards(ctx context.Context, r *rand.Rand, want, made history.Call) {
	if made.Order == "" {
		return
	}
	about := history.Call{Client: want.Client, Order: made.Order}
	if r.IntN(10) == 0 {
		about.Client, about.Operator = "boss", true
	}
	look := about
	look.Op = history.Read
	stop := about
	stop.Op = history.Cancel
	if r.IntN(4) == 0 {
		stop.IfVersion = 1 + r.IntN(2)
	}
	moments := []time.Duration{
		0,
		time.Duration(r.IntN(400)) * time.Millisecond,                                       // during payment
		time.Duration(r.IntN(3_000)) * time.Millisecond,                                     //
		l.deliverAfter + 200*time.Millisecond + time.Duration(r.IntN(600))*time.Millisecond, // around the due time
	}
	switch r.IntN(8) {
	case 0, 1, 2: // cancel at a random moment, perhaps twice, and look
		if !sleep(ctx, moments[r.IntN(len(moments))]) {
			return
		}
		l.call(ctx, stop, cancel, tries)
		if r.IntN(3) == 0 {
			l.call(ctx, stop, cancel, tries)
		}
		l.call(ctx, look, read, 1)
	case 3, 4: // look now and then
		for range 3 {
			l.call(ctx, look, read, 1)
			if !sleep(ctx, time.Duration(r.IntN(3_000))*time.Millisecond) {
				return
			}
		}
	case 5: // wait for news
		l.call(ctx, look, func(c history.Call) request {
			req := read(c)
			req.headers = map[string]string{"Prefer": "wait=10", "If-None-Match": `"1"`}
			return req
		}, 1)
	}
}

// tries is how often a client asks for what may be repeated.
const tries = 12

// call asks until it is sure of the outcome, or has tried often enough, and records each try.
func (l *load) call(ctx context.Context, c history.Call, how func(history.Call) request, tries int) history.Call {
	wait := 200 * time.Millisecond
	for try := 1; ; try++ {
		c.Sent = time.Now()
		got := l.api.send(ctx, how(c))
		done := got.record(c, time.Now())
		l.recorder.Call(done)
		if !got.unsure() || try >= tries || !sleep(ctx, wait) {
			return done
		}
		l.api.retries.Add(1)
		wait = min(2*wait, 5*time.Second)
	}
}

// sleep reports false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// list is one page of the list.
type list struct {
	Orders []order.Order        `json:"orders"`
	Next   *string              `json:"next"`
	Counts map[order.Status]int `json:"counts"`
	Feed   string               `json:"feed"`
}

// page reads one page of the list as the operator.
func (a *api) page(ctx context.Context, cursor string) (list, error) {
	path := "/v1/orders?limit=200"
	if cursor != "" {
		path += "&cursor=" + cursor
	}
	return get[list](ctx, a, request{user: "boss", operator: true, method: http.MethodGet, path: path})
}
