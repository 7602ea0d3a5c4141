package actorstore_test

import (
	"context"
	"path/filepath"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/actorstore"
)

// ledgerStates holds one value, also in the table that Dapr creates.
type ledgerStates struct {
	t     *testing.T
	table *stateStore
	value []byte
	loads int
}

func (s *ledgerStates) GetState(context.Context, string, string, map[string]string) (*dapr.StateItem, error) {
	s.loads++
	return &dapr.StateItem{Value: s.value}, nil
}

func (s *ledgerStates) SaveState(_ context.Context, _, key string, data []byte, _ map[string]string, _ ...dapr.StateOption) error {
	s.value = data
	s.table.put(s.t, "orders-actor||"+key, data, true)
	return nil
}

func TestLedgerOfFirstPaymentIsKept(t *testing.T) {
	postgres := pgtest.Start(t)
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "statestore.db"), "postgres": postgres.Database(t)} {
		t.Run(name, func(t *testing.T) {
			states := &ledgerStates{t: t, table: newStateStore(t, dsn)}
			none, err := openStore(t, dsn).LedgerID(t.Context())
			require.NoError(t, err)
			require.Empty(t, none)

			ledger := &actorstore.Ledger{States: states}
			id, err := ledger.Known(t.Context())
			require.NoError(t, err)
			require.Empty(t, id)
			for _, id := range []string{"", "l-1", "l-2"} {
				require.NoError(t, ledger.Learn(t.Context(), id))
			}
			other := &actorstore.Ledger{States: states} // after a restart
			for _, l := range []*actorstore.Ledger{ledger, other} {
				id, err = l.Known(t.Context())
				require.NoError(t, err)
				require.Equal(t, "l-1", id)
			}
			loads := states.loads
			_, err = other.Known(t.Context())
			require.NoError(t, err)
			require.Equal(t, loads, states.loads, "a known id is not loaded again")
			id, err = openStore(t, dsn).LedgerID(t.Context())
			require.NoError(t, err)
			require.Equal(t, "l-1", id)
		})
	}
}
