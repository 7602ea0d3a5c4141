package orderdb

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/orderdb/eventlog"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
)

// Other replicas write while one starts, with higher transaction numbers than its own.
func TestStartKeepsLogThatOthersWrite(t *testing.T) {
	ctx := t.Context()
	dsn := pgtest.Start(t).DSN()
	starting, err := Open(ctx, dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, starting.Close()) }()
	running, err := Open(ctx, dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, running.Close()) }()
	before, err := running.Head(ctx)
	require.NoError(t, err)

	require.NoError(t, starting.db.Transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `SELECT pg_current_xact_id()`) // as its first write does
		require.NoError(t, err)
		require.NoError(t, running.Put(ctx, order.State{Order: order.Order{ID: "x", Customer: "ada", Status: order.Created, Version: 1}}))
		return eventlog.RestartForeign(ctx, tx, starting.db.Dialect)
	}))
	events, err := running.Events(ctx, EventQuery{After: before})
	require.NoError(t, err)
	require.Len(t, events.Events, 1)
}
