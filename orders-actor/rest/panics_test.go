package rest_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

// faulty is the list view, or the actors, with a fault in the code behind some calls.
type faulty struct {
	rest.Reads
	rest.Commands
	poisoned        atomic.Value // id of the order whose cancel panics
	export          atomic.Bool  // exports panic after their first row
	follow, streams atomic.Int32 // so many reads of the log panic: the tail's, and the streams' own
}

func (f *faulty) Cancel(ctx context.Context, c order.Cancel) (order.Order, bool, error) {
	if c.ID == f.poisoned.Load() {
		panic("poisoned order")
	}
	return f.Commands.Cancel(ctx, c)
}

func (f *faulty) Export(ctx context.Context, q orderdb.Query, each func(order.Order) error) error {
	return f.Reads.Export(ctx, q, func(o order.Order) error {
		if f.export.Load() {
			panic("poisoned row")
		}
		return each(o)
	})
}

func (f *faulty) Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error) {
	armed := &f.follow
	if q.Limit < 256 { // what the tail reads at once
		armed = &f.streams
	}
	if armed.Add(-1) >= 0 {
		panic("poisoned event")
	}
	return f.Reads.Events(ctx, q)
}

// startFaulty returns a server with faults in what it stands on, and its log.
func startFaulty(t *testing.T) (*server, *faulty, *logged) {
	f, log := &faulty{}, &logged{}
	s := start(t, func(o *rest.Options) {
		f.Reads, f.Commands = o.Reads, o.Commands
		o.Reads, o.Commands = f, f
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	return s, f, log
}

// logged is what a log holds.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAPanicInABulkCancelCostsThatOrderOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	bad, good := s.given("alice"), s.given("alice")
	f.poisoned.Store(bad.ID)
	got := read[api.CancelOutcomes](t, s.call("alice", "POST", "/v1/orders/cancel", `{"ids":["`+bad.ID+`","`+good.ID+`"]}`))
	require.Len(t, got.Outcomes, 2)
	assert.Equal(t, api.OutcomeFailed, got.Outcomes[0].Outcome)
	assert.Equal(t, bad.ID, got.Outcomes[0].ID)
	assert.Equal(t, 500, got.Outcomes[0].Problem.Status)
	assert.Equal(t, api.OutcomeCancelled, got.Outcomes[1].Outcome)
	assert.Contains(t, log.String(), "poisoned order")
}

func TestAPanicInAnExportBreaksThatExportOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	s.given("alice")
	f.export.Store(true)
	for range 5 { // more than one user may have at once
		_, err := s.client.Do(s.request("alice", "GET", "/v1/orders", "", "Accept", "text/csv"))
		require.Error(t, err, "a whole answer would look like a whole list")
	}
	assert.Contains(t, log.String(), "poisoned row")
	f.export.Store(false)
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "", "Accept", "text/csv").StatusCode)
}

func TestAPanicInTheFeedsTailIsNoGapInAnyStream(t *testing.T) {
	s, f, log := startFaulty(t)
	first := s.given("alice")
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	f.follow.Store(1)
	second := s.given("alice")
	r.expect(second.ID, 1)
	s.advance(first.ID, confirm)
	r.expect(first.ID, 2)
	assert.Contains(t, log.String(), "poisoned event")
}

func TestAPanicInAStreamEndsThatStreamOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	broken, other := s.stream("alice", "/v1/orders/events"), s.stream("bob", "/v1/orders/events")
	require.True(t, broken.frame(&api.OrderSummary{}))
	require.True(t, other.frame(&api.OrderSummary{}))
	f.streams.Store(1)
	f.follow.Store(1) // streams read by themselves where the tail has a gap
	mine, his := s.given("alice"), s.given("bob")
	_, aliceGoesOn := broken.next()
	_, bobGoesOn := other.next()
	assert.NotEqual(t, aliceGoesOn, bobGoesOn, "one of the two met the fault")
	assert.Contains(t, log.String(), "poisoned event")
	for user, o := range map[string]order.Order{"alice": mine, "bob": his} { // as a reader whose stream broke does
		again := s.stream(user, "/v1/orders/events")
		require.True(t, again.frame(&api.OrderSummary{}))
		s.advance(o.ID, confirm)
		again.expect(o.ID, 2)
	}
}
