package orderdb_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/minutes"
)

// putLives stores the versions of a delivered, a declined and a cancelled order, over two minutes.
func putLives(t *testing.T, db *orderdb.DB) {
	t.Helper()
	delivered := settled(t, putNew(t, db), true, start.Add(200*time.Millisecond))
	declined := settled(t, putNew(t, db), false, start.Add(300*time.Millisecond))
	gone := cancelled(t, putNew(t, db), start.Add(time.Minute))
	for _, s := range []order.State{delivered, declined, gone} {
		put(t, db, s)
	}
	next, ok := delivered.Deliver(delivered.DeliverAt.Add(time.Minute))
	require.True(t, ok)
	put(t, db, next)
	put(t, db, next) // the same version again is no event
}

func putNew(t *testing.T, db *orderdb.DB) order.State {
	t.Helper()
	s := newOrder(t, "alice", start)
	put(t, db, s)
	return s
}

// counted returns the minutes since start. Durations are checked as percentiles.
func counted(t *testing.T, db *orderdb.DB) []minutes.Minute {
	t.Helper()
	found, err := db.Minutes.Since(t.Context(), start)
	require.NoError(t, err)
	return found
}

func TestMinutesCountEachVersionInTheMinuteOfItsTransition(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		require.NoError(t, db.Minutes.Advance(t.Context(), start))
		require.Empty(t, counted(t, db))

		putLives(t, db)
		for range 2 { // the second one finds nothing new
			require.NoError(t, db.Minutes.Advance(t.Context(), start.Add(time.Hour)))
		}
		found := counted(t, db)
		require.Len(t, found, 2)
		first, second := found[0], found[1]

		payment, ok := first.Payment.Percentile(99)
		require.True(t, ok)
		assert.GreaterOrEqual(t, payment, 300*time.Millisecond)
		lateness, ok := second.Lateness.Percentile(50)
		require.True(t, ok)
		assert.GreaterOrEqual(t, lateness, time.Minute)

		first.Payment, second.Lateness = nil, nil
		assert.Equal(t, minutes.Minute{At: start, Counts: minutes.Counts{Created: 3, Confirmed: 1, Declined: 1}}, first)
		assert.Equal(t, minutes.Minute{At: start.Add(time.Minute), Counts: minutes.Counts{Cancelled: 1, Delivered: 1}}, second)
	})
}

func TestReplicasThatCountAtTheSameTimeCountEachVersionOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		replicas := []*orderdb.DB{open(t, dsn), open(t, dsn), open(t, dsn)}
		for range 10 {
			putLives(t, replicas[0])
			var running sync.WaitGroup
			for _, replica := range replicas {
				running.Go(func() { assert.NoError(t, replica.Minutes.Advance(t.Context(), start)) })
			}
			running.Wait()
		}
		require.NoError(t, replicas[0].Minutes.Advance(t.Context(), start))
		var sum minutes.Counts
		for _, m := range counted(t, replicas[0]) {
			sum.Add(m.Counts)
		}
		sum.Payment, sum.Lateness = nil, nil
		require.Equal(t, minutes.Counts{Created: 30, Confirmed: 10, Declined: 10, Cancelled: 10, Delivered: 10}, sum)
	})
}

func TestMinutesAreKeptForADay(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		putNew(t, db)
		require.NoError(t, db.Minutes.Advance(t.Context(), start))
		require.Len(t, counted(t, db), 1)

		// A day later, the minute is deleted, and events from before are not counted.
		later := start.Add(minutes.Retention + 2*time.Minute)
		putNew(t, db)
		put(t, db, newOrder(t, "alice", later))
		require.NoError(t, db.Minutes.Advance(t.Context(), later))
		found := counted(t, db)
		require.Len(t, found, 1)
		require.Equal(t, later.Truncate(time.Minute), found[0].At)
	})
}

// PostgreSQL begins a new log when a dump is restored.
func TestMinutesCountANewEventLogFromItsBeginning(t *testing.T) {
	dsn := postgres.Database(t)
	db := open(t, dsn)
	putNew(t, db)
	require.NoError(t, db.Minutes.Advance(t.Context(), start))
	execute(t, dsn, `UPDATE order_minutes_position SET tx = tx + 1000000`) // the numbers of the old server were higher
	execute(t, dsn, `UPDATE event_log SET id = '0badcafe'`)
	execute(t, dsn, `DELETE FROM order_events`)
	putNew(t, db)
	require.NoError(t, db.Minutes.Advance(t.Context(), start))
	require.EqualValues(t, 2, counted(t, db)[0].Created)
}
