package orderdb_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// On PostgreSQL a transaction that wrote before others may commit after them.
func TestEventsWaitForEarlierTransaction(t *testing.T) {
	dsn := postgres.Database(t)
	db := open(t, dsn)
	from := head(t, db)
	raw, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer raw.Close()

	late := newOrder(t, "alice", start)
	document, err := json.Marshal(late.Order)
	require.NoError(t, err)
	tx, err := raw.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `INSERT INTO order_events (tx, at, customer, document)
		VALUES (pg_current_xact_id()::text::bigint, 0, 'alice', $1)`, string(document))
	require.NoError(t, err)

	early := newOrder(t, "alice", start)
	put(t, db, early) // commits first, with the higher transaction number
	require.Empty(t, versions(t, db, from), "no event after the open transaction")
	require.Equal(t, from, head(t, db))
	page, err := db.List(t.Context(), orderdb.Query{})
	require.NoError(t, err)
	require.Len(t, page.Orders, 1)

	require.NoError(t, tx.Commit())
	both := []string{late.ID + " v1", early.ID + " v1"}
	require.Equal(t, both, versions(t, db, from))
	require.Equal(t, both, versions(t, db, page.Feed), "reading from the cursor of the list misses no event")
}

func TestEventsAreReadOnceWhileOthersWrite(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		from := head(t, db)
		const writers, each = 4, 10
		var all sync.WaitGroup
		for w := range writers {
			states := make([]order.State, each)
			for i := range states {
				states[i] = newOrder(t, fmt.Sprintf("customer-%d", w%2), start)
			}
			all.Go(func() {
				for _, s := range states {
					next, _ := s.Settle(order.Settle{Confirmed: true}, start, time.Second)
					for _, v := range []order.State{s, next} {
						if err := db.Put(context.Background(), v); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()

		seen, ownEvents := map[string]int{}, 0
		latest := map[string]int{}
		after, afterOwn := from, from
		for last := false; ; {
			select {
			case <-done:
				last = true
			default:
			}
			events, err := db.Events(t.Context(), orderdb.EventQuery{After: after, Limit: 3})
			require.NoError(t, err)
			for _, e := range events.Events {
				seen[fmt.Sprint(e.Order.ID, e.Order.Version)]++
				require.Equal(t, latest[e.Order.ID]+1, e.Order.Version)
				latest[e.Order.ID]++
			}
			after = events.Next
			own, err := db.Events(t.Context(), orderdb.EventQuery{After: afterOwn, Customer: "customer-1", Limit: 3})
			require.NoError(t, err)
			for _, e := range own.Events {
				require.Equal(t, "customer-1", e.Order.Customer)
				ownEvents++
			}
			afterOwn = own.Next
			if last && len(events.Events) == 0 && len(own.Events) == 0 {
				break
			}
		}
		require.Len(t, seen, writers*each*2)
		for event, times := range seen {
			require.Equal(t, 1, times, event)
		}
		require.Equal(t, writers*each, ownEvents)
		require.Equal(t, after, afterOwn, "the cursor of a customer passes events of others")
	})
}

func TestCursorsOfPrunedEventsExpire(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		old := head(t, db)
		put(t, db, newOrder(t, "alice", start))
		now := head(t, db)

		require.NoError(t, db.Prune(t.Context(), time.Now().Add(6*24*time.Hour)))
		require.Len(t, versions(t, db, old), 1, "kept for 7 days")
		require.NoError(t, db.Prune(t.Context(), time.Now().Add(8*24*time.Hour)))
		require.Equal(t, now, head(t, db))
		require.Empty(t, versions(t, db, now))

		log := now[:8]
		for cursor, want := range map[string]error{
			old:                   orderdb.ErrCursorExpired,
			log + ".9999999999.1": orderdb.ErrCursorExpired,
			"00000000" + now[8:]:  orderdb.ErrCursorExpired,
			"":                    orderdb.ErrBadCursor,
			"42":                  orderdb.ErrBadCursor,
			log + ".-1.1":         orderdb.ErrBadCursor,
			log + ".01.1":         orderdb.ErrBadCursor,
			now + ".1":            orderdb.ErrBadCursor,
			"9" + now:             orderdb.ErrBadCursor,
		} {
			_, err := db.Events(t.Context(), orderdb.EventQuery{After: cursor})
			require.ErrorIs(t, err, want, cursor)
		}
		put(t, db, newOrder(t, "alice", start))
		require.Len(t, versions(t, db, now), 1)
	})
}

// A dump restored on another server has higher transaction numbers than the server.
func TestRestoredDumpBeginsNewLog(t *testing.T) {
	dsn := postgres.Database(t)
	db := open(t, dsn)
	put(t, db, newOrder(t, "alice", start))
	before := head(t, db)
	require.NoError(t, open(t, dsn).Put(t.Context(), newOrder(t, "alice", start)))
	require.Len(t, versions(t, db, before), 1, "on the same server the log is kept")

	raw, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.ExecContext(t.Context(), `UPDATE order_events SET tx = tx + 1000000000`)
	require.NoError(t, err)
	db = open(t, dsn)
	_, err = db.Events(t.Context(), orderdb.EventQuery{After: before})
	require.ErrorIs(t, err, orderdb.ErrCursorExpired)
	now := head(t, db)
	put(t, db, newOrder(t, "alice", start))
	require.Len(t, versions(t, db, now), 1)
}

func TestWrittenReceivesAfterAPut(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		select {
		case <-db.Written():
			t.Fatal("nothing was written")
		default:
		}
		put(t, db, newOrder(t, "alice", start), newOrder(t, "alice", start))
		<-db.Written()
		assert.Empty(t, db.Written(), "one for both")
	})
}
