package counts_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/run"
	"orders/orders-actor/counts"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// shop is an order database with orders in one status. Each query takes the time of its field.
type shop struct {
	mu      sync.Mutex
	orders  int
	err     error
	panics  bool
	takes   time.Duration
	queries []time.Time // when they started
}

func (s *shop) Counts(ctx context.Context, _ orderdb.Filter) (orderdb.Counts, error) {
	s.mu.Lock()
	s.queries = append(s.queries, time.Now())
	n, err, panics, takes := s.orders, s.err, s.panics, s.takes
	s.mu.Unlock()
	if panics {
		panic("bad row")
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return orderdb.Counts{}, ctx.Err()
	}
	return orderdb.Counts{PerStatus: map[order.Status]int{order.Created: n}}, err
}

// searches admits one search of each of its users at a time.
type searches struct {
	mu    sync.Mutex
	users []string
}

var errRefused = errors.New("too many searches")

func (s *searches) Enter(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.users, user)
	if i < 0 {
		return errRefused
	}
	s.users = slices.Delete(s.users, i, i+1)
	return nil
}

func (s *searches) Leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, user)
}

// inBubble runs a test on the clock of synctest. At its end all goroutines of filters must end after one interval.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		<-time.After(counts.Interval + 1)
	})
}

func newCounter(s *shop, users *searches) *counts.Counter {
	return counts.New(s, users, slog.New(slog.DiscardHandler))
}

// count waits for a request and returns the number of orders.
func count(c *counts.Counter, user string, f orderdb.Filter) (int, error) {
	r := c.Request(user, f)
	defer r.Leave()
	<-r.Done()
	got, err := r.Result()
	return got.PerStatus[order.Created], err
}

var alice = orderdb.Filter{Customer: "alice"}

func TestRequestsShareOneQueryPerInterval(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := &shop{}
		c := newCounter(s, nil)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				<-time.After(time.Duration(i) * 25 * time.Millisecond) // over 2.5 s
				_, err := count(c, "alice", alice)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.Len(t, s.queries, 4)
		for i, started := range s.queries {
			assert.Equal(t, time.Duration(i)*counts.Interval, started.Sub(s.queries[0]))
		}
	})
}

func TestFirstRequestAfterIntervalDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCounter(&shop{}, nil)
		for range 3 {
			begun := time.Now()
			_, err := count(c, "alice", alice)
			require.NoError(t, err)
			assert.Zero(t, time.Since(begun))
			<-time.After(counts.Interval + 1)
		}
	})
}

// A query that is already running may have read the database before the change.
func TestCountsIncludeChangesBeforeTheRequest(t *testing.T) {
	for name, takes := range map[string]time.Duration{"fast": 0, "slower than the interval": 3 * counts.Interval} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := &shop{takes: takes}
				c := newCounter(s, nil)
				first := c.Request("alice", alice)
				defer first.Leave()
				synctest.Wait() // the query has read 0
				s.mu.Lock()
				s.orders++
				s.mu.Unlock()
				n, err := count(c, "alice", alice)
				require.NoError(t, err)
				assert.Equal(t, 1, n)
				stale, err := first.Result()
				require.NoError(t, err)
				assert.Zero(t, stale.PerStatus[order.Created])
				assert.Equal(t, max(counts.Interval, takes), s.queries[1].Sub(s.queries[0]), "one query at a time")
			})
		})
	}
}

func TestFiltersAreCountedSeparately(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := &shop{}
		c := newCounter(s, &searches{users: []string{"alice"}})
		for _, f := range []orderdb.Filter{
			{}, alice, {Customer: "bob"}, {Customer: "alice", Text: "tea"}, {Customer: "alice", From: time.Unix(1, 0)}, {Customer: "alice", To: time.Unix(1, 0)},
		} {
			begun := time.Now()
			_, err := count(c, "alice", f)
			require.NoError(t, err)
			assert.Zero(t, time.Since(begun), f)
		}
		assert.Len(t, s.queries, 6)
	})
}

func TestLeavingDoesNotCancelSharedQuery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCounter(&shop{orders: 7, takes: time.Second}, nil)
		first, second := c.Request("alice", alice), c.Request("otto", alice)
		defer second.Leave()
		synctest.Wait()
		first.Leave()
		<-second.Done()
		got, err := second.Result()
		require.NoError(t, err)
		assert.Equal(t, 7, got.PerStatus[order.Created])
	})
}

func TestQueryWithoutRequestsDoesNotStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := &shop{}
		c := newCounter(s, nil)
		_, err := count(c, "alice", alice)
		require.NoError(t, err)
		first, second := c.Request("alice", alice), c.Request("alice", alice)
		first.Leave()
		second.Leave()
		<-time.After(counts.Interval + 1)
		synctest.Wait()
		assert.Len(t, s.queries, 1)
		_, err = count(c, "alice", alice)
		require.NoError(t, err)
		assert.Len(t, s.queries, 2)
	})
}

func TestErrorsReachAllRequests(t *testing.T) {
	for name, want := range map[string]error{"error": orderdb.ErrUnavailable, "panic": run.ErrPanic} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := &shop{err: orderdb.ErrUnavailable, panics: name == "panic"}
				c := newCounter(s, nil)
				first, second := c.Request("alice", alice), c.Request("bob", alice)
				for _, r := range []*counts.Request{first, second} {
					<-r.Done()
					_, err := r.Result()
					require.ErrorIs(t, err, want)
					r.Leave()
				}
				s.mu.Lock()
				s.err, s.panics = nil, false
				s.mu.Unlock()
				_, err := count(c, "alice", alice)
				require.NoError(t, err, "the next query works again")
			})
		})
	}
}

func TestSearchNeedsOneUserWhoMaySearch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		users := &searches{users: []string{"bob"}}
		s := &shop{takes: time.Second}
		c := newCounter(s, users)
		tea := orderdb.Filter{Text: "tea"}
		first, second := c.Request("alice", tea), c.Request("bob", tea)
		synctest.Wait()
		require.ErrorIs(t, users.Enter("bob"), errRefused, "bob searches")
		<-second.Done()
		_, err := first.Result()
		require.NoError(t, err, "alice shares the search")
		require.NoError(t, users.Enter("bob"), "the search has ended")
		users.Leave("bob")

		first.Leave()
		second.Leave()
		_, err = count(c, "alice", tea)
		require.ErrorIs(t, err, errRefused)
		assert.Len(t, s.queries, 1)
	})
}

func TestManyIdleFiltersAreDropped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := &shop{}
		c := newCounter(s, nil)
		for i := range 2_000 {
			_, err := count(c, "otto", orderdb.Filter{Customer: strconv.Itoa(i)})
			require.NoError(t, err)
		}
		synctest.Wait()
		begun := time.Now()
		_, err := count(c, "otto", orderdb.Filter{Customer: "1999"})
		require.NoError(t, err)
		assert.Zero(t, time.Since(begun), "this filter was dropped")
		_, err = count(c, "otto", orderdb.Filter{Customer: "0"})
		require.NoError(t, err)
		assert.Equal(t, counts.Interval, time.Since(begun), "this filter was kept")
	})
}
