package rest_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

func (s *server) counts(user, query string) api.OrderCounts {
	s.Helper()
	return read[api.OrderCounts](s, s.call(user, "GET", "/v1/orders/counts"+query, ""))
}

func TestCountsAreThoseOfTheList(t *testing.T) {
	s := start(t)
	mug := order.Item{SKU: "mug-1", Name: "Stoneware mug", Quantity: 1, UnitPrice: 900}
	confirmed, other := s.given("alice"), s.given("alice", mug)
	s.advance(confirmed.ID, confirm)
	s.given("bob")
	between := url.QueryEscape(other.CreatedAt.Format(time.RFC3339Nano))
	for user, queries := range map[string][]string{
		"alice": {"", "?q=green", "?q=mug", "?customer=alice&q=tea", "?from=" + between, "?to=" + between},
		"bob":   {"", "?q=mug"},
		"otto":  {"", "?customer=alice", "?customer=bob", "?q=green", "?customer=nobody", "?attention=true", "?attention=false&q=tea", "?currency=EUR&minTotal=901", "?payment=confirmed", "?cancelledBy=customer", "?dueBefore=2100-01-01T00:00:00Z"},
	} {
		for _, query := range queries {
			list := read[api.OrderList](t, s.call(user, "GET", "/v1/orders"+query, ""))
			assert.Equal(t, api.OrderCounts{Counts: list.Counts, AtLeast: list.AtLeast, Attention: list.Attention}, s.counts(user, query), "%s %s", user, query)
		}
	}
	assert.Equal(t, api.Counts{Created: 1, Confirmed: 1}, s.counts("alice", "?to=2100-01-01T00:00:00Z").Counts)
}

func TestTotalsAreOfOrdersThatAreNotCancelled(t *testing.T) {
	s := start(t)
	mug := order.Item{SKU: "mug-1", Name: "Stoneware mug", Quantity: 1, UnitPrice: 700}
	s.advance(s.given("alice").ID, confirm)
	s.given("alice", mug)
	s.advance(s.given("alice", mug).ID, func(o order.State) (order.State, bool) {
		return o.Settle(order.Settle{ID: o.ID, Attempts: 1}, time.Now(), 0)
	})
	s.given("bob")
	eur := func(orders int, total int64) []api.CurrencyTotal {
		return []api.CurrencyTotal{{Currency: "EUR", Orders: orders, Total: total}}
	}
	assert.Equal(t, eur(2, 1600), s.counts("otto", "?customer=alice&totals=true").Totals)
	assert.Equal(t, eur(2, 1600), s.counts("alice", "?totals=true").Totals)
	assert.Equal(t, eur(3, 2500), s.counts("otto", "?totals=true").Totals)
	assert.Equal(t, eur(1, 900), s.counts("otto", "?customer=alice&payment=confirmed&totals=true").Totals)
	assert.Empty(t, s.counts("otto", "?customer=alice").Totals)
	assert.Empty(t, s.counts("otto", "?customer=nobody&totals=true").Totals)
}

func TestCountsAreAuthorisedAndCheckedAsTheList(t *testing.T) {
	s := start(t)
	for query, fields := range map[string][]string{
		"?q=!!": {"q"}, "?from=yesterday": {"from"}, "?to=x": {"to"}, "?q=a&q=b": {"q"},
		"?totals=1": {"totals"}, "?minTotal=1": {"currency"}, "?status=created": {"status"}, "?sort=created": {"sort"}, "?limit=1": {"limit"}, "?cursor=x": {"cursor"},
	} {
		p := s.do(s.request("alice", "GET", "/v1/orders/counts"+query, "")).problem(t)
		assert.EqualValues(t, "invalid-request", p.Code, query)
		require.Len(t, p.Errors, len(fields), query)
		assert.Equal(t, fields[0], p.Errors[0].Field)
	}
	for want, a := range map[string]answer{
		"unauthenticated": s.call("", "GET", "/v1/orders/counts", ""),
		"forbidden":       s.call("alice", "GET", "/v1/orders/counts?customer=bob", ""),
		"not-acceptable":  s.call("alice", "GET", "/v1/orders/counts", "", "Accept", "text/csv"),
	} {
		assert.EqualValues(t, want, a.problem(t).Code)
	}
	a := s.call("alice", "GET", "/v1/orders/counts", "")
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
}

func TestCountsIncludeAcknowledgedCreates(t *testing.T) {
	s := start(t)
	for n := 1; n <= 2; n++ {
		require.Equal(t, 201, s.call("alice", "POST", "/v1/orders", tea).StatusCode)
		assert.Equal(t, n, s.counts("alice", "").Counts.Created)
	}
}

// slowCounts blocks the counts of alice until it is released.
type slowCounts struct {
	rest.Reads
	release chan struct{}
}

func (s *slowCounts) Counts(ctx context.Context, f orderdb.Filter) (orderdb.Counts, error) {
	if f.Customer == "alice" {
		<-s.release
	}
	return s.Reads.Counts(ctx, f)
}

// Requests for counts that wait take no place of a running call, and leave when their client does.
func TestWaitingForCountsHasItsOwnLimit(t *testing.T) {
	slow := slowCounts{release: make(chan struct{})}
	s := start(t, func(o *rest.Options) {
		slow.Reads, o.Reads = o.Reads, &slow
		o.MaxInFlight, o.MaxWaiting, o.MaxPerUser, o.ClientCheckInterval = 1, 3, 2, 5*time.Millisecond
	})
	s.given("bob")
	ctx, disconnect := context.WithCancel(t.Context())
	defer disconnect()
	var clients sync.WaitGroup
	for range 2 {
		r := s.request("alice", "GET", "/v1/orders/counts", "").WithContext(ctx)
		clients.Go(func() {
			for ctx.Err() == nil { // until it is admitted: all calls share one place
				if res, err := http.DefaultClient.Do(r); err == nil {
					_ = res.Body.Close()
				}
			}
		})
	}
	require.Eventually(t, func() bool {
		probe, giveUp := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer giveUp() // it waits itself if it comes before the second client
		res, err := s.client.Do(s.request("alice", "GET", "/v1/orders/counts", "").WithContext(probe))
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusTooManyRequests
	}, waitLimit, 5*time.Millisecond, "two requests of alice wait")
	require.Eventually(t, func() bool {
		return s.call("bob", "GET", "/v1/orders", "").StatusCode == 200
	}, waitLimit, 5*time.Millisecond, "they do not block other calls")

	disconnect()
	clients.Wait()
	require.Eventually(t, func() bool {
		return s.call("alice", "GET", "/v1/orders/counts?unknown=", "").StatusCode == 400
	}, waitLimit, 5*time.Millisecond, "the requests have left")
	close(slow.release)
	assert.Zero(t, s.counts("alice", "").Counts.Created)
}
