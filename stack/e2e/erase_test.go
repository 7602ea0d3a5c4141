package e2e

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/actorstore"
	"orders/stack"
)

// stored returns what a SQLite file of the stack has, as text: the results of a query with one column.
func stored(t *testing.T, s *stack.Stack, file, query string, args ...any) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Home(), file)+"?mode=ro&_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var value []byte
		require.NoError(t, rows.Scan(&value))
		all = append(all, string(value))
	}
	require.NoError(t, rows.Err())
	return strings.Join(all, "\n")
}

// inDapr returns what a state store of Dapr has of an order.
func inDapr(t *testing.T, s *stack.Stack, file, id string) string {
	t.Helper()
	saved, err := actorstore.Saved([]byte(stored(t, s, file, `SELECT value FROM state WHERE instr(key, ?) > 0`, id)), true)
	require.NoError(t, err)
	return string(saved)
}

func TestErasedCustomerIsGoneFromAllStores(t *testing.T) {
	s := startDrill(t, "1h")
	alice, bob := login(t, s.URL(), "alice", api.RoleCustomer), login(t, s.URL(), "bob", api.RoleCustomer)
	confirmed := func(o api.Order) bool { return o.Status == api.StatusConfirmed }
	key := "key-1"
	create := func() (int, []byte) {
		got := read(t)(alice.CreateOrder(t.Context(), &api.CreateOrderParams{IdempotencyKey: &key}, tea))
		return got.Status, got.Body
	}
	status, body := create()
	require.Equal(t, http.StatusCreated, status, "%s", body)
	gone := parse[api.Order](t, body).ID
	running, others := alice.created(t).ID, bob.created(t).ID
	for id, c := range map[string]user{gone: alice, running: alice, others: bob} {
		c.await(t, id, "confirmed", confirmed)
	}
	for id, c := range map[string]user{gone: alice, others: bob} {
		require.Equal(t, http.StatusOK, c.cancel(t, id).Status)
	}
	require.Contains(t, inDapr(t, s, "statestore.db", gone), "alice", "the check itself works")
	require.Contains(t, stored(t, s, "view.db", `SELECT document FROM order_events`), gone, "the check itself works")

	var report string
	await(t, "the void has arrived and the order is removed", func() bool {
		report = command(t, s, "", "erase", "alice")
		return strings.Contains(report, "removed: 1 orders")
	})
	assert.Contains(t, report, "left:    1 orders confirmed")
	assert.Contains(t, report, running)
	assert.NotContains(t, report, others)

	check := func() {
		t.Helper()
		assert.Equal(t, http.StatusNotFound, read(t)(alice.GetOrder(t.Context(), gone, nil)).Status)
		status, body := create()
		require.Equal(t, http.StatusGone, status, "%s", body)
		assert.Equal(t, api.ProblemCode("order-removed"), parse[api.Problem](t, body).Code)
		assert.Len(t, alice.list(t), 1)

		tombstone := inDapr(t, s, "statestore.db", gone)
		assert.Contains(t, tombstone, `"status":"removed"`)
		payment := inDapr(t, s, "ledger.db", gone)
		assert.Contains(t, payment, `"status":"removed"`)
		row := stored(t, s, "view.db", `SELECT customer || status || total || state FROM orders WHERE id = ?`, gone)
		assert.Contains(t, row, `"status":"removed"`)
		for _, text := range []string{tombstone, payment, row} {
			assert.NotContains(t, text, "alice")
			assert.NotContains(t, text, "tea")
			assert.NotContains(t, text, "900")
		}
		assert.Empty(t, stored(t, s, "view.db", `SELECT word FROM order_words WHERE order_id = ?`, gone))
		assert.NotContains(t, stored(t, s, "view.db", `SELECT document FROM order_events`), gone)
	}
	check()
	// Neither a rebuild nor a new activation brings it back.
	command(t, s, "", "rebuild")
	require.NoError(t, s.Stop(stack.OrdersActor))
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))
	check()

	assert.Contains(t, command(t, s, "", "erase", "alice"), "removed: 0 orders")
	assert.True(t, confirmed(alice.get(t, running)))
	assert.Equal(t, api.StatusCancelled, bob.get(t, others).Status)
}

func TestOrdersOlderThanRetainDaysAreRemovedInTheBackground(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1s", "RETAIN_DAYS": "1"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	alice := login(t, s.URL(), "alice", api.RoleCustomer)
	old, young := alice.created(t).ID, alice.created(t).ID
	for _, id := range []string{old, young} {
		alice.await(t, id, "delivered", func(o api.Order) bool { return o.Status == api.StatusDelivered })
	}

	require.NoError(t, s.Stop(stack.OrdersActor))
	at := time.Now().Add(-25 * time.Hour)
	set := `json_set(state, '$.updatedAt', ?)`
	plant(t, filepath.Join(s.Home(), "view.db"), `UPDATE orders SET updated_at = ?, state = `+set+` WHERE id = ?`, at.UnixMilli(), at.UTC().Format(time.RFC3339), old)
	saved := inDapr(t, s, "statestore.db", old) // base64 in the table
	plant(t, filepath.Join(s.Home(), "statestore.db"), `UPDATE state SET is_binary = 0, value = (SELECT `+set+` FROM (SELECT ? AS state))
		WHERE key = 'orders-actor||Order||' || ? || '||order'`, at.UTC().Format(time.RFC3339), saved, old)
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))

	await(t, "the old order is removed", func() bool { return read(t)(alice.GetOrder(t.Context(), old, nil)).Status == http.StatusNotFound })
	for _, file := range []string{"statestore.db", "ledger.db"} {
		assert.Contains(t, inDapr(t, s, file, old), `"status":"removed"`, file)
	}
	assert.Equal(t, api.StatusDelivered, alice.get(t, young).Status)
	assert.Len(t, alice.list(t), 1)
}
