package orderdb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/sqldb"
)

var (
	start                        = orderdbtest.Start
	newOrder, settled, cancelled = orderdbtest.NewOrder, orderdbtest.Settled, orderdbtest.Cancelled
)

// databases return the DSN of a new and empty database.
var databases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "data", "view.db") },
	"postgres": func(t *testing.T) string { return postgres.Database(t) },
}

// eachDatabase runs a test on an empty SQLite and on an empty PostgreSQL.
func eachDatabase(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	for name, newDSN := range databases {
		t.Run(name, func(t *testing.T) { test(t, newDSN(t)) })
	}
}

// eachDB is eachDatabase with an open order database.
func eachDB(t *testing.T, test func(t *testing.T, db *orderdb.DB)) {
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

func put(t testing.TB, db *orderdb.DB, states ...order.State) {
	t.Helper()
	for _, s := range states {
		require.NoError(t, db.Put(context.Background(), s))
	}
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

func TestConformance(t *testing.T) {
	for name, newDSN := range databases {
		t.Run(name, func(t *testing.T) {
			orderdbtest.Run(t, func(t *testing.T) orderdbtest.Database {
				db := open(t, newDSN(t))
				after := head(t, db)
				return orderdbtest.Database{DB: db, Events: func() ([]order.Order, error) { return readEvents(db, after) }}
			})
		})
	}
}

// readEvents returns all events after a cursor.
func readEvents(db *orderdb.DB, after string) (all []order.Order, _ error) {
	for {
		events, err := db.Events(context.Background(), orderdb.EventQuery{After: after, Limit: 500})
		if err != nil || len(events.Events) == 0 {
			return all, err
		}
		for _, e := range events.Events {
			all = append(all, e.Order)
		}
		after = events.Next
	}
}

func TestRefusalsOfPutAreNotUnavailable(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		first := newOrder(t, "alice", start)
		put(t, db, cancelled(t, first, start))
		err := db.Put(t.Context(), first)
		var conflict *order.Conflict
		require.ErrorAs(t, err, &conflict)
		require.NotErrorIs(t, err, orderdb.ErrUnavailable)
		_, err = db.Get(t.Context(), "another")
		require.ErrorIs(t, err, orderdb.ErrNotFound)
		got, err := db.Get(t.Context(), first.ID)
		require.NoError(t, err)
		require.Equal(t, conflict.Held.Order, got)
	})
}

// A state of a newer release is neither misread nor overwritten. Lists and events show what they know of it.
func TestStatesOfNewerReleasesAreRefused(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		newer := newOrder(t, "alice", start)
		after := head(t, db)
		newer.Schema = order.Schema + 1
		put(t, db, newer)

		_, _, err := db.Find(t.Context(), newer.ID)
		require.ErrorIs(t, err, order.ErrNewerSchema)
		require.NotErrorIs(t, err, orderdb.ErrUnavailable)
		older := newer.Clone()
		older.Schema, older.Payment.Attempts = order.Schema, 3
		require.ErrorIs(t, db.Put(t.Context(), older), order.ErrNewerSchema)
		_, err = db.Restore(t.Context(), []order.State{cancelled(t, older, start)})
		require.ErrorIs(t, err, order.ErrNewerSchema)

		page, err := db.List(t.Context(), orderdb.Query{})
		require.NoError(t, err)
		require.Len(t, page.Orders, 1)
		require.Equal(t, newer.Order, page.Orders[0])
		require.Len(t, eventsAfter(t, db, after), 1)
	})
}

func TestReplicasMigrateConcurrently(t *testing.T) {
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

func TestCallsAreUnavailableWhileServerIsDown(t *testing.T) {
	server := pgtest.Start(t)
	db := open(t, server.DSN())
	o := newOrder(t, "alice", start)
	put(t, db, o)
	require.NoError(t, server.Kill())
	_, err := db.Get(t.Context(), o.ID)
	require.ErrorIs(t, err, orderdb.ErrUnavailable)
	require.ErrorIs(t, db.Put(t.Context(), o), orderdb.ErrUnavailable)
	require.ErrorIs(t, db.Ready(t.Context()), orderdb.ErrUnavailable)
	require.NoError(t, server.Start())
	require.NoError(t, db.Ready(t.Context()))
	got, err := db.Get(t.Context(), o.ID)
	require.NoError(t, err)
	require.Equal(t, o.Order, got)
}

func TestWritesAreUnavailableWhileSQLiteIsLocked(t *testing.T) {
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
	require.NoError(t, db.Ready(t.Context()), "reads do not wait")
	require.NoError(t, tx.Rollback())
	put(t, db, o)
}

func TestCancelledCallIsNotUnavailable(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.Put(ctx, newOrder(t, "alice", start))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, orderdb.ErrUnavailable)
	})
}

// A refused version and a version of an order that another replica has locked must not delay or fail the others.
func TestConcurrentPutsDoNotAffectEachOther(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		after := head(t, db)
		const orders = 40
		old, locked := newOrder(t, "alice", start), newOrder(t, "alice", start)
		put(t, db, old, settled(t, old, true, start))
		unlock := func() {}
		if strings.HasPrefix(dsn, "postgres") {
			unlock = lock(t, dsn, locked.ID)
		}
		blocked := make(chan error, 1)
		go func() { blocked <- db.Put(context.Background(), locked) }()

		var all sync.WaitGroup
		for range orders {
			s := newOrder(t, "alice", start)
			all.Go(func() {
				assert.NoError(t, db.Put(context.Background(), s))
				assert.NoError(t, db.Put(context.Background(), settled(t, s, true, start)))
			})
			all.Go(func() {
				var conflict *order.Conflict
				assert.ErrorAs(t, db.Put(context.Background(), old), &conflict)
			})
		}
		refused := newOrder(t, "a\x00b", start) // PostgreSQL refuses the character
		refusal := db.Put(context.Background(), refused)
		if strings.HasPrefix(dsn, "postgres") {
			assert.Error(t, refusal)
		}
		all.Wait()
		unlock()
		require.NoError(t, <-blocked)
		seen := map[string]int{}
		for _, o := range eventsAfter(t, db, after) {
			seen[o.ID]++
			assert.Equal(t, seen[o.ID], o.Version, "events of an order are in the order of its versions")
		}
		delete(seen, refused.ID)
		assert.Len(t, seen, orders+2)
	})
}

// lock locks an order as another replica does while it writes.
func lock(t *testing.T, dsn, id string) (unlock func()) {
	t.Helper()
	db, err := sqldb.Open(dsn, 4, func(error) bool { return false })
	require.NoError(t, err)
	tx, err := db.Write.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, db.Lock(t.Context(), tx, id))
	return func() {
		require.NoError(t, tx.Rollback())
		require.NoError(t, db.Close())
	}
}

func eventsAfter(t *testing.T, db *orderdb.DB, after string) []order.Order {
	t.Helper()
	all, err := readEvents(db, after)
	require.NoError(t, err)
	return all
}
