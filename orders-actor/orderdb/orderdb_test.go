package orderdb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

var start = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// eachDatabase runs a test on an empty SQLite and on an empty PostgreSQL.
func eachDatabase(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "data", "view.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres.Database(t)) })
}

// eachView is eachDatabase with the view opened.
func eachView(t *testing.T, test func(t *testing.T, db *orderdb.DB)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, dsn string) { test(t, open(t, dsn)) })
}

func open(t testing.TB, dsn string) *orderdb.DB {
	t.Helper()
	db, err := orderdb.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

var postgres *pgtest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if postgres, err = pgtest.Open(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a PostgreSQL:", err)
		return 1
	}
	defer func() { _ = postgres.Close() }()
	return m.Run()
}

func newOrder(t testing.TB, customer string, at time.Time, items ...order.Item) order.State {
	t.Helper()
	if len(items) == 0 {
		items = []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}
	}
	id, err := uuid.NewV7()
	require.NoError(t, err)
	s, err := order.New(order.Create{
		ID: id.String(), Auth: order.Auth{User: customer, Role: "customer"}, Items: items, Currency: "EUR", Fingerprint: "f",
	}, at)
	require.NoError(t, err)
	return s
}

func put(t testing.TB, db *orderdb.DB, states ...order.State) {
	t.Helper()
	for _, s := range states {
		require.NoError(t, db.Put(context.Background(), s))
	}
}

func settled(t testing.TB, s order.State, confirmed bool, at time.Time) order.State {
	t.Helper()
	next, ok := s.Settle(order.Settle{ID: s.ID, Confirmed: confirmed, Attempts: 1}, at, 10*time.Second)
	require.True(t, ok)
	return next
}

func cancelled(t testing.TB, s order.State, at time.Time) order.State {
	t.Helper()
	next, ok, err := s.Cancel(order.Cancel{ID: s.ID, User: s.Customer, By: order.ByCustomer}, at)
	require.NoError(t, err)
	require.True(t, ok)
	return next
}

func versions(t testing.TB, db *orderdb.DB, after string) (all []string) {
	t.Helper()
	for {
		events, err := db.Events(context.Background(), orderdb.EventQuery{After: after, Limit: 2})
		require.NoError(t, err)
		for _, e := range events.Events {
			all = append(all, fmt.Sprintf("%s v%d", e.Order.ID, e.Order.Version))
		}
		after = events.Next
		if len(events.Events) == 0 {
			return all
		}
	}
}

func head(t testing.TB, db *orderdb.DB) string {
	t.Helper()
	cursor, err := db.Head(context.Background())
	require.NoError(t, err)
	return cursor
}

func TestPutDecidesBetweenTwoHostsOfOneOrder(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
		from := head(t, db)
		first := newOrder(t, "alice", start)
		confirmed := settled(t, first, true, start.Add(time.Second))
		ended := cancelled(t, first, start.Add(2*time.Second)) // version 2 as well
		paidBack, _ := ended.Voided()

		steps := []struct {
			name    string
			put     order.State
			refused bool
			held    order.State
		}{
			{"the first version", first, false, first},
			{"the same again", first, false, first},
			{"the next version", ended, false, ended},
			{"the same version, void no longer owed", paidBack, false, paidBack},
			{"an older version", first, true, paidBack},
			{"the same version with other content", confirmed, true, paidBack},
			{"the void owed again", ended, false, ended},
		}
		for _, step := range steps {
			err := db.Put(t.Context(), step.put)
			if step.refused {
				var conflict *order.Conflict
				require.ErrorAs(t, err, &conflict, step.name)
				require.Equal(t, step.held, conflict.Held, step.name)
				require.NotErrorIs(t, err, orderdb.ErrUnavailable)
			} else {
				require.NoError(t, err, step.name)
			}
			got, err := db.Get(t.Context(), first.ID)
			require.NoError(t, err)
			require.Equal(t, step.held.Order, got, step.name)
		}
		require.Equal(t, []string{first.ID + " v1", first.ID + " v2"}, versions(t, db, from))

		_, err := db.Get(t.Context(), "another")
		require.ErrorIs(t, err, orderdb.ErrNotFound)
	})
}

// Whatever comes in whatever order: the view holds the highest version, and the log each version that was the highest,
// once, ascending.
func TestPutsInAnyOrder(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
		rapid.Check(t, func(r *rapid.T) {
			from := head(t, db)
			first := newOrder(t, "alice", start)
			second := settled(t, first, true, start.Add(time.Second))
			third := cancelled(t, second, start.Add(2*time.Second))
			all := []order.State{first, second, third}
			highest, logged := 0, []string(nil)
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 2), 1, 8).Draw(r, "puts") {
				err := db.Put(context.Background(), all[i])
				if i+1 < highest {
					require.Error(r, err)
				} else {
					require.NoError(r, err)
				}
				if i+1 > highest {
					highest = i + 1
					logged = append(logged, fmt.Sprintf("%s v%d", first.ID, highest))
				}
			}
			got, err := db.Get(context.Background(), first.ID)
			require.NoError(r, err)
			require.Equal(r, all[highest-1].Order, got)
			require.Equal(r, logged, versions(t, db, from))
		})
	})
}

func TestReplicasMigrateAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				db, err := orderdb.Open(context.Background(), dsn)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		put(t, open(t, dsn), newOrder(t, "alice", start))
	})
}

func TestStuckOrdersOfEachKindAreFound(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
		unpaid := newOrder(t, "alice", start)
		later := newOrder(t, "alice", start.Add(time.Minute))
		due := settled(t, newOrder(t, "alice", start), true, start)
		owing := cancelled(t, newOrder(t, "alice", start), start)
		done, _ := owing.Voided()
		done.ID = newOrder(t, "alice", start).ID
		put(t, db, unpaid, later, due, owing, done)

		now := start.Add(30 * time.Second)
		ids, err := db.Stuck(t.Context(), now, 5*time.Second, 5*time.Second, 10)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{unpaid.ID, due.ID, owing.ID}, ids)

		ids, err = db.Stuck(t.Context(), now, 5*time.Second, 25*time.Second, 10)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{unpaid.ID, owing.ID}, ids, "not overdue by so much")

		ids, err = db.Stuck(t.Context(), now, 5*time.Second, 5*time.Second, 2)
		require.NoError(t, err)
		require.Len(t, ids, 2)
	})
}

func TestDatabaseAway(t *testing.T) {
	server := pgtest.Start(t)
	db := open(t, server.DSN())
	o := newOrder(t, "alice", start)
	put(t, db, o)
	require.NoError(t, server.Kill())
	_, err := db.Get(t.Context(), o.ID)
	require.ErrorIs(t, err, orderdb.ErrUnavailable)
	require.ErrorIs(t, db.Put(t.Context(), o), orderdb.ErrUnavailable)
	require.ErrorIs(t, db.Ping(t.Context()), orderdb.ErrUnavailable)
	require.NoError(t, server.Start())
	require.NoError(t, db.Ping(t.Context()))
	got, err := db.Get(t.Context(), o.ID)
	require.NoError(t, err)
	require.Equal(t, o.Order, got)
}

func TestSQLiteHeldByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "view.db")
	db := open(t, path)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	o := newOrder(t, "alice", start)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, db.Put(ctx, o), orderdb.ErrUnavailable)
	require.NoError(t, db.Ping(t.Context()), "readers don't wait")
	require.NoError(t, tx.Rollback())
	put(t, db, o)
}

func TestCallersWhoGiveUpAreNoFault(t *testing.T) {
	eachView(t, func(t *testing.T, db *orderdb.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.Put(ctx, newOrder(t, "alice", start))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, orderdb.ErrUnavailable)
	})
}
