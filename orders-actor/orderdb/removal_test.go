package orderdb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/removal"
)

// putDeclined puts an order of a customer that became final at a time.
func putDeclined(t *testing.T, db *orderdb.DB, customer string, at time.Time) order.State {
	t.Helper()
	first := orderdbtest.NewOrder(t, customer, at)
	declined := orderdbtest.Settled(t, first, false, at)
	put(t, db, first, declined)
	return declined
}

func remove(t *testing.T, db *orderdb.DB, s order.State) {
	t.Helper()
	put(t, db, orderdbtest.Removed(t, s, start.Add(time.Hour)))
}

func TestRemovedOrderIsNowhere(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		kept, gone := putDeclined(t, db, "alice", start), putDeclined(t, db, "alice", start)
		require.NoError(t, db.SetFindings(t.Context(), gone.ID, start, []string{"charge-missing"}))
		require.NoError(t, db.SaveRepair(t.Context(), attention.Repair{OrderID: gone.ID, At: start, User: "otto", Reason: "test"}))
		remove(t, db, gone)

		_, err := db.Get(t.Context(), gone.ID)
		require.ErrorIs(t, err, orderdb.ErrNotFound)
		for _, q := range []orderdb.Filter{{}, {Text: "tea"}, {Customer: "alice"}, {Customer: "alice", Text: "green"}, {Currency: "EUR"}} {
			page, err := db.List(t.Context(), orderdb.Query{Filter: q})
			require.NoError(t, err)
			require.Len(t, page.Orders, 1, q)
			assert.Equal(t, kept.ID, page.Orders[0].ID)
		}
		page, err := db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Attention: true}})
		require.NoError(t, err)
		assert.Empty(t, page.Orders)
		repairs, err := db.Repairs(t.Context(), gone.ID)
		require.NoError(t, err)
		assert.Empty(t, repairs)
		exported := 0
		require.NoError(t, db.Export(t.Context(), orderdb.Query{}, func(order.Order) error { exported++; return nil }))
		assert.Equal(t, 1, exported)
		_, err = db.Removal.EraseEvents(t.Context(), "alice")
		require.NoError(t, err)
		assert.NotContains(t, claim(t, db, time.Now().Add(time.Hour)), gone.ID, "the audit does not inspect it")
	})
}

func TestRestoreOfAnOlderStateKeepsTheTombstone(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		s := putDeclined(t, db, "alice", start)
		tombstone := orderdbtest.Removed(t, s, start.Add(time.Hour))
		n, err := db.Restore(t.Context(), []order.State{tombstone})
		require.NoError(t, err)
		require.Equal(t, 1, n, "the store has a tombstone that the database lacks")
		n, err = db.Restore(t.Context(), []order.State{s})
		require.NoError(t, err)
		require.Zero(t, n, "the store was restored from an older backup")
		got, _, err := db.Find(t.Context(), s.ID)
		require.NoError(t, err)
		require.Equal(t, tombstone, got)
	})
}

// Cursors stay valid, also those at the erased events and after them.
func TestErasedEventsAreSkipped(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		begin, err := db.Head(t.Context())
		require.NoError(t, err)
		gone, kept, other := putDeclined(t, db, "alice", start), putDeclined(t, db, "alice", start), putDeclined(t, db, "bob", start)
		last := putDeclined(t, db, "alice", start)
		all, err := db.Events(t.Context(), orderdb.EventQuery{After: begin})
		require.NoError(t, err)
		require.Len(t, all.Events, 8)

		remove(t, db, gone)
		remove(t, db, last)
		n, err := db.Removal.EraseEvents(t.Context(), "alice")
		require.NoError(t, err)
		require.EqualValues(t, 4, n)
		n, err = db.Removal.EraseEvents(t.Context(), "alice")
		require.NoError(t, err)
		require.Zero(t, n)

		left := func(q orderdb.EventQuery) (ids []string) {
			got, err := db.Events(t.Context(), q)
			require.NoError(t, err)
			for _, e := range got.Events {
				ids = append(ids, e.Order.ID)
			}
			return ids
		}
		require.Equal(t, []string{kept.ID, kept.ID, other.ID, other.ID}, left(orderdb.EventQuery{After: begin}))
		require.Equal(t, []string{kept.ID, kept.ID}, left(orderdb.EventQuery{After: begin, Customer: "alice"}))
		require.Equal(t, []string{kept.ID, other.ID, other.ID}, left(orderdb.EventQuery{After: all.Events[2].Cursor}))
		require.Empty(t, left(orderdb.EventQuery{After: all.Next}))
		next := putDeclined(t, db, "alice", start)
		require.Equal(t, []string{next.ID, next.ID}, left(orderdb.EventQuery{After: all.Next}))
		require.NoError(t, db.Minutes.Advance(t.Context(), time.Now()))
	})
}

const removeInterval = 5 * time.Second

func TestClaimsGoThroughAllOldFinalOrders(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		now := start.Add(30 * 24 * time.Hour)
		claimIDs := func(n int) (ids []string) {
			now = now.Add(removeInterval)
			states, err := db.Removal.Claim(t.Context(), now, removeInterval, start.Add(time.Hour), n)
			require.NoError(t, err)
			for _, s := range states {
				ids = append(ids, s.ID)
			}
			return ids
		}
		require.Empty(t, claimIDs(2))
		first := putDeclined(t, db, "alice", start)
		second := putDelivered(t, db, "bob", start.Add(time.Minute))
		third := putDeclined(t, db, "alice", start.Add(2*time.Minute))
		putDeclined(t, db, "alice", start.Add(time.Hour)) // too recent
		running := orderdbtest.NewOrder(t, "alice", start)
		put(t, db, running)
		unvoided := orderdbtest.NewOrder(t, "alice", start)
		put(t, db, unvoided, orderdbtest.Cancelled(t, unvoided, start))

		require.Equal(t, []string{first.ID, second.ID}, claimIDs(2))
		states, err := db.Removal.Claim(t.Context(), now.Add(removeInterval-time.Millisecond), removeInterval, start.Add(time.Hour), 2)
		require.NoError(t, err)
		require.Empty(t, states, "claimed less than the interval ago")
		require.Equal(t, []string{third.ID}, claimIDs(2), "those that fail do not block the others")
		require.Equal(t, []string{first.ID, second.ID}, claimIDs(2), "and are claimed again")
		remove(t, db, first)
		require.Equal(t, []string{third.ID}, claimIDs(2))
		require.Equal(t, []string{second.ID, third.ID}, claimIDs(3))
	})
}

func putDelivered(t *testing.T, db *orderdb.DB, customer string, at time.Time) order.State {
	t.Helper()
	first := orderdbtest.NewOrder(t, customer, at.Add(-10*time.Second))
	confirmed := orderdbtest.Settled(t, first, true, at.Add(-10*time.Second))
	delivered, ok := confirmed.Deliver(at)
	require.True(t, ok)
	put(t, db, first, confirmed, delivered)
	return delivered
}

func TestFinalOrdersOfACustomerAreListed(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		want := []string{}
		for i := range 5 {
			want = append(want, putDeclined(t, db, "alice", start.Add(time.Duration(i)*time.Second)).ID)
		}
		putDeclined(t, db, "bob", start)
		running := orderdbtest.NewOrder(t, "alice", start)
		put(t, db, running)
		got := []string{}
		for after, more := (removal.Position{}), true; more; {
			var states []order.State
			var err error
			states, after, more, err = db.Removal.Final(t.Context(), "alice", order.Cancelled, after, 2)
			require.NoError(t, err)
			for _, s := range states {
				got = append(got, s.ID)
			}
		}
		require.Equal(t, want, got)

		left, ids, err := db.Removal.Left(t.Context(), "alice", 3)
		require.NoError(t, err)
		require.Equal(t, map[order.Status]int{order.Created: 1, order.Cancelled: 5}, left)
		require.Len(t, ids, 3)
	})
}
