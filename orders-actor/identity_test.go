package main

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

// sidecarStates is the state store as the sidecar offers it, on the table that Dapr makes.
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

func TestAnOrderDatabaseOfAnotherStateStoreIsRefused(t *testing.T) {
	postgres := pgtest.Start(t)
	for name, newDSN := range map[string]func(t *testing.T, name string) string{
		"sqlite":   func(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) },
		"postgres": func(t *testing.T, _ string) string { return postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			log := slog.New(slog.NewTextHandler(&said, nil))
			open := func(dsn string) *orderdb.DB {
				db, err := orderdb.Open(t.Context(), dsn)
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				return db
			}
			c := Config{StateDSN: newDSN(t, "statestore.db"), ViewDSN: newDSN(t, "view.db")}
			states := &sidecarStates{t: t, table: newStateStore(t, c.StateDSN)}

			ours := open(c.ViewDSN)
			require.NoError(t, ours.Put(t.Context(), someOrder(t)))
			for range 3 {
				require.NoError(t, checkIdentity(t.Context(), states, ours, log), "a state store that knows no order database yet, then this one")
			}
			require.Empty(t, said.String())

			foreign := c
			foreign.ViewDSN = newDSN(t, "view.db")
			theirs := open(foreign.ViewDSN)
			require.NoError(t, theirs.Put(t.Context(), someOrder(t)))
			err := checkIdentity(t.Context(), states, theirs, log)
			require.ErrorIs(t, err, errForeign)
			require.ErrorContains(t, err, "orders-actor accept")
			require.ErrorIs(t, rebuild(t.Context(), foreign, log), errForeign)
			require.NoError(t, checkIdentity(t.Context(), states, ours, log))

			said.Reset()
			require.NoError(t, accept(t.Context(), foreign, log))
			require.NoError(t, checkIdentity(t.Context(), states, theirs, log))
			assert.NotContains(t, said.String(), "level=ERROR")
		})
	}
}

func TestALostOrderDatabaseIsNotRefused(t *testing.T) {
	for name, restore := range map[string]func(t *testing.T, c Config){
		"started first": func(*testing.T, Config) {},
		"rebuilt first": func(t *testing.T, c Config) {
			require.NoError(t, rebuild(t.Context(), c, slog.New(slog.DiscardHandler)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			dir := t.TempDir()
			c := Config{StateDSN: filepath.Join(dir, "statestore.db"), ViewDSN: filepath.Join(dir, "view.db")}
			states := &sidecarStates{t: t, table: newStateStore(t, c.StateDSN)}
			states.table.save(t, someOrder(t))
			for range 2 { // the second time it is deleted
				require.NoError(t, os.RemoveAll(c.ViewDSN))
				restore(t, c)
				db, err := orderdb.Open(t.Context(), c.ViewDSN)
				require.NoError(t, err)
				require.NoError(t, checkIdentity(t.Context(), states, db, log))
				require.NoError(t, db.Put(t.Context(), someOrder(t)))
				require.NoError(t, checkIdentity(t.Context(), states, db, log), "the next start")
				require.NoError(t, db.Close())
			}
		})
	}
}

func TestAnOlderCopyOfTheOrderDatabaseIsNamedInTheLog(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	dir := t.TempDir()
	dsn := filepath.Join(dir, "view.db")
	states := &sidecarStates{t: t, table: newStateStore(t, filepath.Join(dir, "statestore.db"))}
	start := func() {
		db, err := orderdb.Open(t.Context(), dsn)
		require.NoError(t, err)
		require.NoError(t, checkIdentity(t.Context(), states, db, log))
		require.NoError(t, db.Close()) // which also leaves one file only
	}
	start()
	backup, err := os.ReadFile(dsn)
	require.NoError(t, err)
	start()
	require.Empty(t, said.String())
	require.NoError(t, os.WriteFile(dsn, backup, 0o600))
	start()
	assert.Contains(t, said.String(), "orders-actor rebuild")
	said.Reset()
	start()
	assert.Empty(t, said.String())
}

func TestAStateStoreThatIsAwayDoesNotStopTheStart(t *testing.T) {
	db, err := orderdb.Open(t.Context(), filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	states := &sidecarStates{t: t, down: errors.New("away")}
	require.NoError(t, checkIdentity(t.Context(), states, db, slog.New(slog.DiscardHandler)))
	assert.Equal(t, "statestore", actorstore.Component)
}
