package rest_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

// reader reads server-sent events.
type reader struct {
	t      testing.TB
	res    *http.Response
	lines  *bufio.Scanner
	lastID string
	retry  string
}

func (s *server) stream(user, path string, headers ...string) *reader {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), waitLimit)
	s.Cleanup(cancel)
	r := s.request(user, "GET", path, "", append([]string{"Accept", "text/event-stream"}, headers...)...).WithContext(ctx)
	res, err := s.client.Do(r)
	require.NoError(s, err)
	s.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(s, 200, res.StatusCode)
	return &reader{t: s, res: res, lines: bufio.NewScanner(res.Body)}
}

// next returns the next event with data, or false at the end of the stream.
func (r *reader) next() (api.OrderSummary, bool) {
	r.t.Helper()
	var o api.OrderSummary
	for r.frame(&o) {
		if o.ID != "" {
			return o, true
		}
	}
	return o, false
}

// frame reads up to the next blank line. It sets o if the frame has an event.
func (r *reader) frame(o *api.OrderSummary) bool {
	r.t.Helper()
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "":
			return true
		case "id":
			r.lastID = value
		case "retry":
			r.retry = value
		case "event":
			require.Equal(r.t, "order", value)
		case "data":
			require.NoError(r.t, json.Unmarshal([]byte(value), o))
		default:
			require.Fail(r.t, "unexpected line", r.lines.Text())
		}
	}
	return false
}

func (r *reader) expect(id string, version int) {
	r.t.Helper()
	o, ok := r.next()
	require.True(r.t, ok, "the stream ended: %v", r.lines.Err())
	require.Equal(r.t, fmt.Sprint(id, version), fmt.Sprint(o.ID, o.Version))
}

func TestStreamSendsOwnEventsAndResumes(t *testing.T) {
	s := start(t)
	s.given("alice")
	feed := read[api.OrderList](t, s.call("alice", "GET", "/v1/orders", "")).Feed
	mine := s.given("alice")
	s.given("bob")

	r := s.stream("alice", "/v1/orders/events?after="+feed)
	assert.Equal(t, "no", r.res.Header.Get("X-Accel-Buffering"))
	assert.Equal(t, "no-store", r.res.Header.Get("Cache-Control"))
	assert.Empty(t, r.res.Header.Get("Content-Encoding"))
	r.expect(mine.ID, 1)
	assert.Equal(t, "2000", r.retry)
	s.advance(mine.ID, confirm)
	r.expect(mine.ID, 2)
	last := r.lastID
	require.NoError(t, r.res.Body.Close())

	s.advance(mine.ID, deliver)
	again := s.stream("alice", "/v1/orders/events?after="+feed, "Last-Event-ID", last)
	again.expect(mine.ID, 3)
}

func TestStreamWithoutCursorStartsAtHead(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	r := s.stream("otto", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	require.NotEmpty(t, r.lastID, "the client can resume before the first event")
	s.advance(o.ID, confirm)
	r.expect(o.ID, 2)
}

// The client starts before the events that the feed keeps in memory, and reconnects while orders change.
func TestStreamSendsEachEventOnceAndInOrder(t *testing.T) {
	s := start(t)
	start := read[api.OrderList](t, s.call("otto", "GET", "/v1/orders", "")).Feed
	const orders = 600 // two events each: more than the feed keeps
	var want []string
	change := func() {
		o := s.given("alice")
		s.advance(o.ID, confirm)
		want = append(want, o.ID+" 1", o.ID+" 2")
	}
	for range orders - 50 {
		change()
	}
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for range 50 {
			change()
		}
	}()

	var got []string
	r := s.stream("alice", "/v1/orders/events?after="+start)
	for len(got) < 2*orders {
		if len(got)%250 == 249 {
			require.NoError(t, r.res.Body.Close())
			r = s.stream("alice", "/v1/orders/events", "Last-Event-ID", r.lastID)
		}
		o, ok := r.next()
		require.True(t, ok, "the stream ended: %v", r.lines.Err())
		got = append(got, fmt.Sprint(o.ID, " ", o.Version))
	}
	<-changed
	assert.Equal(t, want, got)
}

func TestStreamSendsHeartbeatsAndEnds(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.Heartbeat, o.StreamLifetime = time.Millisecond, 200*time.Millisecond })
	r := s.stream("alice", "/v1/orders/events")
	s.given("bob")
	heartbeats := 0
	var none api.OrderSummary
	for r.frame(&none) {
		heartbeats++
	}
	require.NoError(t, r.lines.Err(), "a clean end")
	assert.Greater(t, heartbeats, 1)
	assert.Empty(t, none.ID)
}

// expiring overrides the expiry of tokens.
type expiring struct {
	auth.Verifier
	at time.Time
}

func (e expiring) Verify(ctx context.Context, token string) (auth.User, error) {
	u, err := e.Verifier.Verify(ctx, token)
	u.Expires = e.at
	return u, err
}

func TestStreamEndsWhenTokenExpires(t *testing.T) {
	s := start(t, func(o *rest.Options) {
		o.Heartbeat = time.Millisecond
		o.Verifier = expiring{o.Verifier, time.Now().Add(50*time.Millisecond - auth.Skew)}
	})
	r := s.stream("alice", "/v1/orders/events")
	var none api.OrderSummary
	for r.frame(&none) {
		continue
	}
	require.NoError(t, r.lines.Err(), "a clean end")
}

// Otherwise the cursor of a customer with few events would expire.
func TestHeartbeatMovesCursorPastOthersEvents(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.Heartbeat = time.Millisecond })
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	first := r.lastID
	s.given("bob")
	for r.lastID == first {
		require.True(t, r.frame(&api.OrderSummary{}))
	}
}

func TestStopEndsStreamsAndLongPolls(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	polled := make(chan int)
	go func() {
		res, err := http.DefaultClient.Do(s.request("alice", "GET", "/v1/orders/"+o.ID, "", "If-None-Match", `"1"`, "Prefer", "wait=30"))
		if err != nil {
			polled <- 0
			return
		}
		_ = res.Body.Close()
		polled <- res.StatusCode
	}()
	s.stop() // does not return before streams and polls have ended
	_, ok := r.next()
	assert.False(t, ok)
	assert.Contains(t, []int{304, 0}, <-polled, "0 if the request came after the stop")
}

func TestUnknownFeedCursorIsExpired(t *testing.T) {
	s := start(t)
	for _, accept := range []string{"application/json", "text/event-stream"} {
		a := s.call("alice", "GET", "/v1/orders/events?after=nonsense", "", "Accept", accept)
		require.Equal(t, 410, a.StatusCode)
		assert.EqualValues(t, "cursor-expired", a.problem(t).Code)
		a = s.call("alice", "GET", "/v1/orders/events", "", "Accept", accept, "Last-Event-ID", strings.Repeat("9", 30))
		assert.Equal(t, 410, a.StatusCode)
		a = s.call("alice", "GET", "/v1/orders/events", "", "Accept", accept, "Last-Event-ID", strings.Repeat("9", 513))
		assert.Equal(t, 400, a.StatusCode)
	}
	a := s.call("alice", "GET", "/v1/orders/events?limit=501", "")
	assert.Equal(t, 400, a.StatusCode)
	a = s.call("alice", "GET", "/v1/orders/events", "", "Accept", "text/csv")
	assert.Equal(t, 406, a.StatusCode)
}

// counting reports each read of the event log.
type counting struct {
	*orderdb.DB
	events chan struct{}
}

func (c counting) Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error) {
	c.events <- struct{}{}
	return c.DB.Events(ctx, q)
}

// 100 streams read the event log as often as one.
func TestStreamsShareOneFeed(t *testing.T) {
	reads := make(chan struct{}, 100_000)
	s := start(t, func(o *rest.Options) { o.Reads = counting{o.Reads.(*orderdb.DB), reads} })
	first := s.given("alice")
	const readers, creates = 100, 10
	streams := make([]*reader, readers)
	for i := range streams {
		streams[i] = s.stream("alice", "/v1/orders/events")
		require.True(t, streams[i].frame(&api.OrderSummary{}))
	}
	// After one event all streams read from the feed.
	s.advance(first.ID, confirm)
	for _, r := range streams {
		r.expect(first.ID, 2)
	}
	for len(reads) > 0 {
		<-reads
	}
	var created []order.Order
	for range creates {
		created = append(created, s.given("alice"))
	}
	for _, r := range streams {
		for _, o := range created {
			r.expect(o.ID, 1)
		}
	}
	assert.LessOrEqual(t, len(reads), 3*creates, "the feed reads each event once, and then checks for more")
}

func TestSlowStreamClientIsDisconnected(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.MaxWaiting, o.WriteTimeout = 1, time.Second })
	r := s.request("otto", "GET", "/v1/orders/events", "", "Accept", "text/event-stream")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(waitLimit)))
	require.NoError(t, r.Write(conn))
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode) // the client reads no further
	full := s.call("otto", "GET", "/v1/orders/events", "", "Prefer", "wait=0")
	require.Equal(t, 503, full.StatusCode, "the stream has the only slot")
	for range 20 {
		s.given("alice", big...)
	}
	require.Eventually(t, func() bool {
		return s.call("otto", "GET", "/v1/orders/events", "", "Prefer", "wait=0").StatusCode == 200
	}, waitLimit, 100*time.Millisecond, "the slot is free again")
}

// big is an order that fills the buffers of a connection soon.
var big = func() []order.Item {
	items := make([]order.Item, 100)
	for i := range items {
		items[i] = order.Item{SKU: fmt.Sprint("sku-", i), Name: strings.Repeat("n", 200), Quantity: 1, UnitPrice: 1}
	}
	return items
}()

func TestHeadOfStreamTakesNoSlot(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.MaxWaiting = 1 })
	res, err := http.DefaultClient.Do(s.request("otto", "HEAD", "/v1/orders/events", "", "Accept", "text/event-stream"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 200, res.StatusCode)
	require.Eventually(t, func() bool {
		return s.call("otto", "GET", "/v1/orders/events", "", "Prefer", "wait=0").StatusCode == 200
	}, waitLimit, 10*time.Millisecond)
}

// Plain cursors of the order database must neither be cursors nor accepted.
func TestCursorsAreOpaque(t *testing.T) {
	s := start(t)
	for range 3 {
		s.given("alice")
	}
	head, err := s.db.Head(t.Context())
	require.NoError(t, err)
	log, _, _ := strings.Cut(head, ".")
	page, err := s.db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Customer: "alice"}, Limit: 1})
	require.NoError(t, err)

	list := read[api.OrderList](t, s.call("alice", "GET", "/v1/orders?limit=1", ""))
	events := read[api.Events](t, s.call("alice", "GET", "/v1/orders/events?after="+list.Feed, ""))
	cursors := []string{list.Feed, *list.Next, events.Next}
	r := s.stream("alice", "/v1/orders/events?after="+list.Feed)
	require.True(t, r.frame(&api.OrderSummary{}))
	cursors = append(cursors, r.lastID)
	for _, cursor := range cursors {
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		require.NoError(t, err)
		assert.NotContains(t, string(text), log)
	}
	assert.Equal(t, list.Feed, events.Next, "without events the cursor is the same")

	assert.EqualValues(t, "cursor-expired", s.call("alice", "GET", "/v1/orders/events?after="+head, "").problem(t).Code)
	assert.EqualValues(t, "cursor-expired", s.call("alice", "GET", "/v1/orders/events?after="+*list.Next, "").problem(t).Code)
	assert.EqualValues(t, "invalid-request", s.call("alice", "GET", "/v1/orders?limit=1&cursor="+page.Next, "").problem(t).Code)
	assert.EqualValues(t, "invalid-request", s.call("alice", "GET", "/v1/orders?limit=1&cursor="+list.Feed, "").problem(t).Code)
}
