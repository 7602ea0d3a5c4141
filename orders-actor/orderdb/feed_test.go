package orderdb_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// On PostgreSQL a transaction that began to write before others may commit after them. The feed waits for it.
func TestFeedDoesNotStepOverALateCommit(t *testing.T) {
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
	put(t, db, early) // commits first, with the higher number
	require.Empty(t, versions(t, db, from), "the reader must not pass the open transaction")
	require.Equal(t, from, head(t, db))
	page, err := db.List(t.Context(), orderdb.Query{})
	require.NoError(t, err)
	require.Len(t, page.Orders, 1)

	require.NoError(t, tx.Commit())
	both := []string{late.ID + " v1", early.ID + " v1"}
	require.Equal(t, both, versions(t, db, from))
	require.Equal(t, both, versions(t, db, page.Feed), "following from the list misses nothing")
}

// Readers that resume from any cursor meet each event once, while several replicas write.
func TestFeedResumesWithoutMissingOrRepeating(t *testing.T) {
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

		seen, mine := map[string]int{}, 0
		latest := map[string]int{}
		after, afterMine := from, from
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
			own, err := db.Events(t.Context(), orderdb.EventQuery{After: afterMine, Customer: "customer-1", Limit: 3})
			require.NoError(t, err)
			for _, e := range own.Events {
				require.Equal(t, "customer-1", e.Order.Customer)
				mine++
			}
			afterMine = own.Next
			if last && len(events.Events) == 0 && len(own.Events) == 0 {
				break
			}
		}
		require.Len(t, seen, writers*each*2)
		for event, times := range seen {
			require.Equal(t, 1, times, event)
		}
		require.Equal(t, writers*each, mine)
		require.Equal(t, after, afterMine, "a customer's cursor passes what isn't theirs")
	})
}

func TestCursorsOfEventsThatAreGone(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
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

// After a dump was restored on another server, transactions count from the beginning again: the log begins anew.
func TestALogFromAnotherServer(t *testing.T) {
	dsn := postgres.Database(t)
	db := open(t, dsn)
	put(t, db, newOrder(t, "alice", start))
	before := head(t, db)
	require.NoError(t, open(t, dsn).Put(t.Context(), newOrder(t, "alice", start)))
	require.Len(t, versions(t, db, before), 1, "opening it where it was written changes nothing")

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

func TestOneWatcherWakesAll(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
		ctx, stop := context.WithCancel(t.Context())
		watcher := orderdb.NewWatcher(db, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() { ended <- watcher.Run(ctx) }()

		now := head(t, db)
		var all sync.WaitGroup
		for range 100 {
			changed := watcher.Changed(now)
			all.Go(func() {
				for {
					select {
					case <-changed:
					case <-time.After(time.Minute):
						t.Error("nobody woke the waiter")
						return
					}
					events, err := db.Events(context.Background(), orderdb.EventQuery{After: now})
					if err != nil || len(events.Events) == 1 {
						require.NoError(t, err)
						return
					}
					changed = watcher.Changed(now)
				}
			})
		}
		put(t, db, newOrder(t, "alice", start))
		all.Wait()
		<-watcher.Changed(now) // what has happened already doesn't wait
		<-watcher.Changed("no cursor")
		stop()
		require.NoError(t, <-ended)
	})
}
