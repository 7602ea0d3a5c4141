package rest_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

// faulty wraps the order database and the commands with calls that panic.
type faulty struct {
	rest.Reads
	rest.Commands
	badOrder      atomic.Value // id of the order whose cancel panics
	export        atomic.Bool  // exports panic at their first row
	feed, streams atomic.Int32 // how many reads of the event log panic, of the feed and of streams
}

func (f *faulty) Cancel(ctx context.Context, c order.Cancel) (order.Order, bool, error) {
	if c.ID == f.badOrder.Load() {
		panic("bad order")
	}
	return f.Commands.Cancel(ctx, c)
}

func (f *faulty) Export(ctx context.Context, q orderdb.Query, each func(order.Order) error) error {
	return f.Reads.Export(ctx, q, func(o order.Order) error {
		if f.export.Load() {
			panic("bad row")
		}
		return each(o)
	})
}

func (f *faulty) Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error) {
	panics := &f.feed
	if q.Limit < 256 { // the batch size of the feed
		panics = &f.streams
	}
	if panics.Add(-1) >= 0 {
		panic("bad event")
	}
	return f.Reads.Events(ctx, q)
}

// startFaulty starts a server with faulty dependencies. It returns the server's log.
func startFaulty(t *testing.T) (*server, *faulty, *logged) {
	f, log := &faulty{}, &logged{}
	s := start(t, func(o *rest.Options) {
		f.Reads, f.Commands = o.Reads, o.Commands
		o.Reads, o.Commands = f, f
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	return s, f, log
}

// logged holds the lines of a log.
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

func TestPanicInBulkCancelFailsThatOrderOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	bad, good := s.given("alice"), s.given("alice")
	f.badOrder.Store(bad.ID)
	got := read[api.CancelOutcomes](t, s.call("alice", "POST", "/v1/orders/cancel", `{"ids":["`+bad.ID+`","`+good.ID+`"]}`))
	require.Len(t, got.Outcomes, 2)
	assert.Equal(t, api.OutcomeFailed, got.Outcomes[0].Outcome)
	assert.Equal(t, bad.ID, got.Outcomes[0].ID)
	assert.Equal(t, 500, got.Outcomes[0].Problem.Status)
	assert.Equal(t, api.OutcomeCancelled, got.Outcomes[1].Outcome)
	assert.Contains(t, log.String(), "bad order")
}

func TestPanicInExportAbortsThatExportOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	s.given("alice")
	f.export.Store(true)
	for range 5 { // more than the limit per user
		_, err := s.client.Do(s.request("alice", "GET", "/v1/orders", "", "Accept", "text/csv"))
		require.Error(t, err, "a complete response would look like a complete export")
	}
	assert.Contains(t, log.String(), "bad row")
	f.export.Store(false)
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "", "Accept", "text/csv").StatusCode)
}

func TestPanicInFeedLosesNoEvent(t *testing.T) {
	s, f, log := startFaulty(t)
	first := s.given("alice")
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	f.feed.Store(1)
	second := s.given("alice")
	r.expect(second.ID, 1)
	s.advance(first.ID, confirm)
	r.expect(first.ID, 2)
	assert.Contains(t, log.String(), "bad event")
}

func TestPanicInStreamEndsThatStreamOnly(t *testing.T) {
	s, f, log := startFaulty(t)
	broken, other := s.stream("alice", "/v1/orders/events"), s.stream("bob", "/v1/orders/events")
	require.True(t, broken.frame(&api.OrderSummary{}))
	require.True(t, other.frame(&api.OrderSummary{}))
	f.streams.Store(1)
	// The feed begins again behind these orders, so the streams read them from the event log themselves.
	f.feed.Store(math.MaxInt32)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "bad event") }, waitLimit, time.Millisecond)
	ofAlice, ofBob := s.given("alice"), s.given("bob")
	f.feed.Store(0)
	_, aliceContinues := broken.next()
	_, bobContinues := other.next()
	assert.NotEqual(t, aliceContinues, bobContinues, "one of the two streams panicked")
	for user, o := range map[string]order.Order{"alice": ofAlice, "bob": ofBob} { // clients reconnect
		again := s.stream(user, "/v1/orders/events")
		require.True(t, again.frame(&api.OrderSummary{}))
		s.advance(o.ID, confirm)
		again.expect(o.ID, 2)
	}
}
