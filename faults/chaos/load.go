package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"orders/api"
	"orders/faults/history"
	"orders/orders-actor/order"
)

// customers is the number of users who create the orders.
const customers = 20

// maxAttempts is how often a client sends a request that may be retried.
const maxAttempts = 12

// load sends the requests of customers. Each order has its own script, which follows from the seed.
type load struct {
	service      *service
	recorder     *history.Recorder
	seed         uint64
	deliverAfter time.Duration
}

// run starts the scripts of n orders at regular intervals within the duration, and returns after the last one has ended.
func (l *load) run(ctx context.Context, n int, duration time.Duration) {
	var scripts sync.WaitGroup
	defer scripts.Wait()
	began := time.Now()
	for i := range n {
		if !sleep(ctx, time.Until(began.Add(duration*time.Duration(i)/time.Duration(n)))) {
			return
		}
		scripts.Go(func() { l.script(ctx, i) })
	}
}

// script creates an order, perhaps repeats the create, and then reads or cancels the order.
func (l *load) script(ctx context.Context, i int) {
	r := rand.New(rand.NewPCG(l.seed, uint64(i)))
	want := history.Call{
		Op: history.Create, Client: fmt.Sprintf("customer-%d", i%customers), Currency: "EUR",
		Items: []order.Item{{SKU: fmt.Sprintf("sku-%d", i), Name: "Green tea", Quantity: 1 + r.IntN(3), UnitPrice: 450}},
	}
	kind := r.IntN(10)
	if kind == 0 {
		l.use(ctx, r, want, l.createWithoutKey(ctx, want))
		return
	}
	want.Key = fmt.Sprintf("key-%d", i)
	var others sync.WaitGroup
	defer others.Wait()
	switch kind {
	case 1: // the same request twice at once
		others.Go(func() { l.call(ctx, want, create, maxAttempts) })
	case 2: // the same request again later
		later := time.Duration(r.IntN(15_000)) * time.Millisecond
		others.Go(func() {
			if sleep(ctx, later) {
				l.call(ctx, want, create, maxAttempts)
			}
		})
	case 3: // another body with the same key
		other := want
		other.Currency = "USD"
		others.Go(func() {
			if sleep(ctx, 2*time.Second) {
				l.call(ctx, other, create, 1)
			}
		})
	}
	l.use(ctx, r, want, l.call(ctx, want, create, maxAttempts))
}

// createWithoutKey does not retry, since that could create two orders. If the outcome is unknown, it orders another item.
func (l *load) createWithoutKey(ctx context.Context, want history.Call) history.Call {
	for attempt := 1; ; attempt++ {
		created := l.call(ctx, want, create, 1)
		if created.Order != "" || attempt == maxAttempts || !sleep(ctx, time.Second) {
			return created
		}
		l.service.retries.Add(1)
		other := want.Items[0]
		other.SKU = fmt.Sprintf("%s-%d", other.SKU, attempt)
		want.Items = []order.Item{other}
	}
}

// use reads or cancels an order that was created.
func (l *load) use(ctx context.Context, r *rand.Rand, want, created history.Call) {
	if created.Order == "" {
		return
	}
	about := history.Call{Client: want.Client, Order: created.Order}
	if r.IntN(10) == 0 {
		about.Client = operator
	}
	reading, cancelling := about, about
	reading.Op, cancelling.Op = history.Read, history.Cancel
	if r.IntN(4) == 0 {
		cancelling.IfVersion = 1 + r.IntN(2)
	}
	delays := []time.Duration{
		0,
		time.Duration(r.IntN(400)) * time.Millisecond,                                       // during the payment
		time.Duration(r.IntN(3_000)) * time.Millisecond,                                     //
		l.deliverAfter + 200*time.Millisecond + time.Duration(r.IntN(600))*time.Millisecond, // around the due time
	}
	switch r.IntN(8) {
	case 0, 1, 2: // cancel once or twice, then read
		if !sleep(ctx, delays[r.IntN(len(delays))]) {
			return
		}
		l.call(ctx, cancelling, cancel, maxAttempts)
		if r.IntN(3) == 0 {
			l.call(ctx, cancelling, cancel, maxAttempts)
		}
		l.call(ctx, reading, get, 1)
	case 3, 4: // read three times
		for range 3 {
			l.call(ctx, reading, get, 1)
			if !sleep(ctx, time.Duration(r.IntN(3_000))*time.Millisecond) {
				return
			}
		}
	case 5: // wait for a change
		l.call(ctx, reading, func(c history.Call) request {
			return getWith(c, &api.GetOrderParams{Prefer: new("wait=10"), IfNoneMatch: new(`"1"`)})
		}, 1)
	}
}

// call sends a request until its outcome is known, at most the given number of times, and records each attempt.
func (l *load) call(ctx context.Context, c history.Call, build func(history.Call) request, attempts int) history.Call {
	backoff := 200 * time.Millisecond
	for attempt := 1; ; attempt++ {
		c.Sent = time.Now()
		reply := l.service.send(ctx, build(c))
		done := record(c, reply, time.Now())
		l.recorder.Call(done)
		if !unknown(reply) || attempt >= attempts || !sleep(ctx, backoff) {
			return done
		}
		l.service.retries.Add(1)
		backoff = min(2*backoff, 5*time.Second)
	}
}

// sleep returns false if ctx ends first.
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
