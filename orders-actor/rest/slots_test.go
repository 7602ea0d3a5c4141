package rest_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/rest"
)

func TestOneUserCannotTakeAllWaitSlots(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.MaxWaiting, o.MaxPerUser = 3, 2 })
	o := s.given("alice")
	for range 2 {
		r := s.stream("alice", "/v1/orders/events")
		require.True(t, r.frame(&api.OrderSummary{}))
	}
	for path, accept := range map[string]string{
		"/v1/orders/events": "text/event-stream", "/v1/orders/events?limit=1": "application/json", "/v1/orders/" + o.ID: "application/json",
	} {
		a := s.call("alice", "GET", path, "", "Accept", accept, "Prefer", "wait=30")
		require.Equal(t, 429, a.StatusCode, path)
		assert.EqualValues(t, "rate-limited", a.problem(t).Code)
		assert.Equal(t, "2", a.Header.Get("Retry-After"))
		assert.Contains(t, a.problem(t).Detail, "2 streams and long polls")
	}
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders/"+o.ID, "").StatusCode, "a call that does not wait needs no slot")

	r := s.stream("bob", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	assert.Equal(t, 503, s.call("carol", "GET", "/v1/orders/events", "", "Prefer", "wait=30").StatusCode, "the total limit")
}

// The slot must be free long before the wait of 30 s ends or the next heartbeat is due.
func TestClosedConnectionFreesSlot(t *testing.T) {
	for name, headers := range map[string][]string{
		"long poll of the feed":  {"/v1/orders/events", "Prefer", "wait=30"},
		"long poll of an order":  {"", "Prefer", "wait=30"},
		"stream":                 {"/v1/orders/events", "Accept", "text/event-stream"},
		"stream with preference": {"/v1/orders/events", "Accept", "text/event-stream", "Prefer", "wait=30"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *rest.Options) {
				o.MaxWaiting, o.Heartbeat, o.ClientCheckInterval = 2, time.Hour, 5*time.Millisecond
			})
			path := headers[0]
			if path == "" {
				path = "/v1/orders/" + s.given("alice").ID
			}
			var disconnect []context.CancelFunc
			for range 2 {
				ctx, cancel := context.WithCancel(t.Context())
				disconnect = append(disconnect, cancel)
				r := s.request("alice", "GET", path, "", headers[1:]...).WithContext(ctx)
				go func() {
					for { // until it gets a slot: the probe below may have taken it
						res, err := http.DefaultClient.Do(r)
						if err != nil {
							return
						}
						if res.StatusCode == 200 {
							<-ctx.Done()
						}
						_ = res.Body.Close()
					}
				}()
			}
			probe := func() int { return s.call("bob", "GET", "/v1/orders/events", "", "Prefer", "wait=0").StatusCode }
			require.Eventually(t, func() bool { return probe() == 503 }, 20*time.Second, 5*time.Millisecond, "both slots are taken")
			for _, cancel := range disconnect {
				cancel()
			}
			require.Eventually(t, func() bool { return probe() == 200 }, 15*time.Second, 5*time.Millisecond)
		})
	}
}

// The long poll is woken by each of the other orders, before its client is checked.
func TestClosedConnectionFreesSlotWhileOtherOrdersChange(t *testing.T) {
	for name, path := range map[string]string{"long poll of the feed": "/v1/orders/events", "long poll of an order": ""} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *rest.Options) { o.MaxWaiting, o.ClientCheckInterval = 1, time.Second })
			if path == "" {
				path = "/v1/orders/" + s.given("alice").ID
			}
			ctx, disconnect := context.WithCancel(t.Context())
			r := s.request("alice", "GET", path, "", "Prefer", "wait=60").WithContext(ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for { // until it gets a slot: the probe below may have taken it
					res, err := http.DefaultClient.Do(r)
					if err != nil {
						return
					}
					_ = res.Body.Close()
				}
			}()
			probe := func() int {
				s.given("carol")
				return s.call("bob", "GET", "/v1/orders/events", "", "Prefer", "wait=0").StatusCode
			}
			require.Eventually(t, func() bool { return probe() == 503 }, 20*time.Second, 5*time.Millisecond, "the slot is taken")
			disconnect()
			<-ended
			require.Eventually(t, func() bool { return probe() == 200 }, 30*time.Second, 5*time.Millisecond)
		})
	}
}

func TestOneUserCannotTakeAllExportSlots(t *testing.T) {
	slow := slowExports{release: make(chan struct{}), begun: make(chan struct{}, 4)}
	s := start(t, func(o *rest.Options) { slow.Reads, o.Reads = o.Reads, &slow })
	var ended sync.WaitGroup
	for range 2 {
		r := s.request("alice", "GET", "/v1/orders", "", "Accept", "text/csv")
		ended.Go(func() {
			if res, err := http.DefaultClient.Do(r); assert.NoError(t, err) {
				_ = res.Body.Close()
			}
		})
		<-slow.begun
	}
	assert.Equal(t, 429, s.call("alice", "GET", "/v1/orders", "", "Accept", "text/csv").StatusCode)
	close(slow.release)
	ended.Wait()
	assert.Equal(t, 200, s.call("bob", "GET", "/v1/orders", "", "Accept", "text/csv").StatusCode)
}

type slowExports struct {
	rest.Reads
	begun, release chan struct{}
}

func (s *slowExports) Export(ctx context.Context, q orderdb.Query, each func(order.Order) error) error {
	s.begun <- struct{}{}
	<-s.release
	return s.Reads.Export(ctx, q, each)
}

// Each running search occupies one of few database connections.
func TestOneUserCannotTakeAllSearchSlots(t *testing.T) {
	const perUser = sqldb.ListConns - 1
	slow := slowSearches{release: make(chan struct{}), begun: make(chan struct{})}
	s := start(t, func(o *rest.Options) { slow.Reads, o.Reads = o.Reads, &slow })
	var ended sync.WaitGroup
	search := func(user string) {
		r := s.request(user, "GET", "/v1/orders?q=slow", "")
		ended.Go(func() {
			if res, err := http.DefaultClient.Do(r); assert.NoError(t, err) {
				assert.Equal(t, 200, res.StatusCode, user)
				_ = res.Body.Close()
			}
		})
		<-slow.begun
	}
	for range perUser {
		search("alice")
	}
	for _, path := range []string{"/v1/orders?q=tea", "/v1/orders/counts?q=tea", "/v1/orders?sort=updated&from=2026-11-24T09:30:00Z", "/v1/orders?cancelledBy=customer"} {
		a := s.call("alice", "GET", path, "")
		require.Equal(t, 429, a.StatusCode, path)
		assert.EqualValues(t, "rate-limited", a.problem(t).Code)
		assert.Equal(t, "2", a.Header.Get("Retry-After"))
	}
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "").StatusCode, "a list without a filter needs no slot")
	assert.Equal(t, 200, s.call("bob", "GET", "/v1/orders?q=tea", "").StatusCode)
	search("bob")

	close(slow.release)
	ended.Wait()
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders?q=tea", "").StatusCode, "the slots are free again")
}

type slowSearches struct {
	rest.Reads
	begun, release chan struct{}
}

func (s *slowSearches) List(ctx context.Context, q orderdb.Query) (orderdb.Page, error) {
	if q.Text == "slow" {
		s.begun <- struct{}{}
		<-s.release
	}
	return s.Reads.List(ctx, q)
}
