package actorstore_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/orderdb"
)

// sidecarStates implements actorstore.States on the table that Dapr creates.
type sidecarStates struct {
	t     *testing.T
	table *stateStore
	value []byte
	down  error
}

func (s *sidecarStates) GetState(_ context.Context, store, key string, _ map[string]string) (*dapr.StateItem, error) {
	assert.Equal(s.t, []string{"statestore", "order-database"}, []string{store, key})
	return &dapr.StateItem{Value: s.value}, s.down
}

func (s *sidecarStates) SaveState(_ context.Context, _, key string, data []byte, _ map[string]string, _ ...dapr.StateOption) error {
	s.value = data
	s.table.put(s.t, "orders-actor||"+key, data, true)
	return s.down
}

func TestOrderDatabaseOfAnotherStateStoreIsRefused(t *testing.T) {
	postgres := pgtest.Start(t)
	for name, newDSN := range map[string]func(t *testing.T, name string) string{
		"sqlite":   func(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) },
		"postgres": func(t *testing.T, _ string) string { return postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			log := slog.New(slog.NewTextHandler(&logged, nil))
			open := func(dsn string) *orderdb.DB {
				db, err := orderdb.Open(t.Context(), dsn)
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				return db
			}
			stateDSN := newDSN(t, "statestore.db")
			states := &sidecarStates{t: t, table: newStateStore(t, stateDSN)}

			own := open(newDSN(t, "view.db"))
			require.NoError(t, own.Put(t.Context(), newOrder(t)))
			for range 3 {
				require.NoError(t, actorstore.CheckIdentity(t.Context(), states, own, log), "first without an identity in the state store, then with this one")
			}
			require.Empty(t, logged.String())

			other := open(newDSN(t, "view.db"))
			require.NoError(t, other.Put(t.Context(), newOrder(t)))
			err := actorstore.CheckIdentity(t.Context(), states, other, log)
			require.ErrorIs(t, err, actorstore.ErrMismatch)
			require.ErrorContains(t, err, "orders-actor accept")
			require.ErrorIs(t, rebuild(t, stateDSN, other, log), actorstore.ErrMismatch)
			require.NoError(t, actorstore.CheckIdentity(t.Context(), states, own, log))

			logged.Reset()
			require.NoError(t, actorstore.Accept(t.Context(), openStore(t, stateDSN), other, log))
			require.NoError(t, actorstore.CheckIdentity(t.Context(), states, other, log))
			assert.NotContains(t, logged.String(), "level=ERROR")
		})
	}
}

func TestLostOrderDatabaseIsNotRefused(t *testing.T) {
	for name, restore := range map[string]func(t *testing.T, stateDSN string, db *orderdb.DB){
		"started first": func(*testing.T, string, *orderdb.DB) {},
		"rebuilt first": func(t *testing.T, stateDSN string, db *orderdb.DB) {
			require.NoError(t, rebuild(t, stateDSN, db, slog.New(slog.DiscardHandler)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			dir := t.TempDir()
			stateDSN, dsn := filepath.Join(dir, "statestore.db"), filepath.Join(dir, "view.db")
			states := &sidecarStates{t: t, table: newStateStore(t, stateDSN)}
			states.table.save(t, newOrder(t))
			for range 2 { // the second time it is deleted
				require.NoError(t, os.RemoveAll(dsn))
				db, err := orderdb.Open(t.Context(), dsn)
				require.NoError(t, err)
				restore(t, stateDSN, db)
				require.NoError(t, actorstore.CheckIdentity(t.Context(), states, db, log))
				require.NoError(t, db.Put(t.Context(), newOrder(t)))
				require.NoError(t, actorstore.CheckIdentity(t.Context(), states, db, log), "the next start")
				require.NoError(t, db.Close())
			}
		})
	}
}

func TestOlderCopyOfTheOrderDatabaseIsLogged(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	dir := t.TempDir()
	dsn, stateDSN := filepath.Join(dir, "view.db"), filepath.Join(dir, "statestore.db")
	states := &sidecarStates{t: t, table: newStateStore(t, stateDSN)}
	start := func() {
		db, err := orderdb.Open(t.Context(), dsn)
		require.NoError(t, err)
		require.NoError(t, actorstore.CheckIdentity(t.Context(), states, db, log))
		require.NoError(t, db.Close()) // this also leaves a single file
	}
	start()
	backup, err := os.ReadFile(dsn)
	require.NoError(t, err)
	start()
	require.Empty(t, logged.String())
	require.NoError(t, os.WriteFile(dsn, backup, 0o600))
	for range 3 {
		logged.Reset()
		start()
		assert.Contains(t, logged.String(), "orders-actor rebuild", "at each start until the rebuild")
	}
	db, err := orderdb.Open(t.Context(), dsn)
	require.NoError(t, err)
	require.NoError(t, rebuild(t, stateDSN, db, slog.New(slog.DiscardHandler)))
	require.NoError(t, db.Close())
	for range 2 {
		logged.Reset()
		start()
		assert.Empty(t, logged.String())
	}
}

func TestUnavailableStateStoreDoesNotStopTheStart(t *testing.T) {
	db, err := orderdb.Open(t.Context(), filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	states := &sidecarStates{t: t, down: errors.New("unavailable")}
	require.NoError(t, actorstore.CheckIdentity(t.Context(), states, db, slog.New(slog.DiscardHandler)))
	assert.Equal(t, "statestore", actorstore.Component)
}
