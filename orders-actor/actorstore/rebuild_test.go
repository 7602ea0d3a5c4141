package actorstore_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
)

// stateStore is the table that Dapr creates, with values in the formats that Dapr uses.
type stateStore struct {
	db     *sql.DB
	insert string
	sqlite bool
	rows   int
}

func newStateStore(t *testing.T, dsn string) *stateStore {
	t.Helper()
	s := &stateStore{insert: `INSERT INTO state (key, value, etag) VALUES ($1, $2, gen_random_uuid())
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`}
	driver, create := "pgx", `CREATE TABLE state (key text NOT NULL PRIMARY KEY, value bytea NOT NULL, etag uuid NOT NULL)`
	if s.sqlite = !sqldb.IsPostgres(dsn); s.sqlite {
		driver, create = "sqlite", `CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL)`
		s.insert = `INSERT OR REPLACE INTO state (key, value, is_binary, etag) VALUES ($1, $2, $3, '')`
	}
	var err error
	s.db, err = sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	if s.sqlite {
		s.exec(t, `PRAGMA journal_mode = WAL`)
	}
	s.exec(t, create)
	return s
}

func (s *stateStore) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := s.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// save saves a state as JSON, and every second one as Dapr saves bytes.
func (s *stateStore) save(t *testing.T, state order.State) {
	t.Helper()
	value, err := json.Marshal(state)
	require.NoError(t, err)
	s.rows++
	wrapped := s.rows%2 == 0
	if wrapped {
		value = fmt.Appendf(nil, "%q", base64.StdEncoding.EncodeToString(value))
	}
	s.put(t, "orders-actor||Order||"+state.ID+"||order", value, wrapped)
}

func (s *stateStore) put(t *testing.T, key string, value []byte, binary bool) {
	t.Helper()
	switch {
	case s.sqlite && binary:
		s.exec(t, s.insert, key, base64.StdEncoding.EncodeToString(value), true)
	case s.sqlite:
		s.exec(t, s.insert, key, string(value), false)
	default:
		s.exec(t, s.insert, key, value)
	}
}

func openStore(t *testing.T, dsn string) *actorstore.Store {
	t.Helper()
	store, err := actorstore.Open(dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// rebuild runs actorstore.Rebuild on the state store at dsn.
func rebuild(t *testing.T, dsn string, db *orderdb.DB, log *slog.Logger) error {
	t.Helper()
	return actorstore.Rebuild(t.Context(), openStore(t, dsn), db, log)
}

func newOrder(t *testing.T) order.State {
	t.Helper()
	id, err := uuid.NewV7()
	require.NoError(t, err)
	s, err := order.New(order.Create{
		ID: id.String(), Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC))
	require.NoError(t, err)
	return s
}

func confirmed(t *testing.T, s order.State) order.State {
	t.Helper()
	next, changed := s.Settle(order.Settle{ID: s.ID, Confirmed: true}, s.CreatedAt.Add(time.Second), time.Hour)
	require.True(t, changed)
	return next
}

func TestRebuildRestoresALostOrderDatabase(t *testing.T) {
	postgres := pgtest.Start(t)
	for name, dsns := range map[string]func(t *testing.T) (view, state string){
		"sqlite": func(t *testing.T) (string, string) {
			dir := filepath.Join(t.TempDir(), "my data")
			return filepath.Join(dir, "view.db"), filepath.Join(dir, "statestore.db")
		},
		"postgres": func(t *testing.T) (string, string) {
			dsn := postgres.Database(t)
			return dsn, dsn
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			dsn, stateDSN := dsns(t)
			db, err := orderdb.Open(ctx, dsn)
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			var logged bytes.Buffer
			log := slog.New(slog.NewTextHandler(&logged, nil))

			actorstore.WarnOfLostOrders(ctx, stateDSN, db, log) // the state store has no table yet, or no file
			require.Empty(t, logged.String())
			store := newStateStore(t, stateDSN)
			store.put(t, "dapr-metadata", []byte("{}"), false)
			store.put(t, "orders-actor||Other||1||order", []byte("{}"), false)
			actorstore.WarnOfLostOrders(ctx, stateDSN, db, log)
			require.Empty(t, logged.String())

			var orders []order.State
			for i := range 401 { // three batches
				o := newOrder(t)
				if i%2 == 0 {
					o = confirmed(t, o)
				}
				store.save(t, o)
				orders = append(orders, o)
			}
			actorstore.WarnOfLostOrders(ctx, stateDSN, db, log)
			require.Contains(t, logged.String(), "orders-actor rebuild")
			logged.Reset()

			// The order database has an older version of one order, and a newer one of another.
			older := orders[0]
			require.NoError(t, db.Put(ctx, firstVersion(older)))
			newer := confirmed(t, orders[1])
			require.NoError(t, db.Put(ctx, newer))

			for _, restored := range []string{fmt.Sprintf("restored=%d", len(orders)-1), "restored=0"} { // the second run restores nothing
				require.NoError(t, rebuild(t, stateDSN, db, log))
				require.Contains(t, logged.String(), restored+"\n")
				logged.Reset()
				for i, want := range orders {
					if i == 1 {
						want = newer
					}
					got, found, err := db.Find(ctx, want.ID)
					require.NoError(t, err)
					require.True(t, found)
					require.Equal(t, want, got)
				}
				page, err := db.List(ctx, orderdb.Query{Filter: orderdb.Filter{Customer: "alice"}, Limit: 500})
				require.NoError(t, err)
				require.Len(t, page.Orders, len(orders))
			}
			actorstore.WarnOfLostOrders(ctx, stateDSN, db, log)
			require.Empty(t, logged.String())

			// Unreadable states are logged, and all others are restored.
			store.put(t, "orders-actor||Order||0||order", []byte("invalid"), false)
			store.put(t, "orders-actor||Order||1||order", []byte("{}"), false)
			ofNewerRelease := newOrder(t)
			ofNewerRelease.Schema = order.Schema + 1
			store.save(t, ofNewerRelease)
			last := newOrder(t)
			store.save(t, last)
			require.ErrorContains(t, rebuild(t, stateDSN, db, log), "3 of ")
			assert.Contains(t, logged.String(), order.ErrNewerSchema.Error())
			assert.Contains(t, logged.String(), "orders-actor||Order||0||order")
			assert.Contains(t, logged.String(), "orders-actor||Order||1||order")
			_, err = db.Get(ctx, last.ID)
			require.NoError(t, err)
		})
	}
}

// firstVersion returns version 1 of a confirmed order.
func firstVersion(s order.State) order.State {
	before := s.Clone()
	before.Version, before.Status, before.DeliverAt = 1, order.Created, nil
	before.UpdatedAt, before.History, before.Payment = s.CreatedAt, s.History[:1], order.Payment{Status: order.PaymentPending}
	return before
}
