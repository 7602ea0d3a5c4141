package e2e

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/stack"
)

func (u user) stats(t *testing.T) api.Stats {
	t.Helper()
	got := read(t)(u.GetStats(t.Context(), nil))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	return parse[api.Stats](t, got.Body)
}

// inconsistent returns how many orders are known to be inconsistent.
func inconsistent(s api.Stats) int {
	for _, group := range s.Attention {
		if group.Reason == api.AttentionReasonInconsistent {
			return group.Count
		}
	}
	return 0
}

// loseState deletes an order's actor state.
func loseState(t *testing.T, file, id string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	deleted, err := db.ExecContext(t.Context(), `DELETE FROM state WHERE key = 'orders-actor||Order||' || ? || '||order'`, id)
	require.NoError(t, err)
	n, err := deleted.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// Nobody inspects the orders: the audit does.
func TestAuditFindsWhatWasLostAndSeesItRepaired(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1h", "AUDIT_PER_MINUTE": "600", "RATE_LIMIT": "0"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "0s"},
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	customer, operator := login(t, s.URL(), "alice", api.RoleCustomer), login(t, s.URL(), "otto", api.RoleOperator)
	var ids []string
	for range 4 {
		ids = append(ids, customer.created(t).ID)
	}
	for _, id := range ids {
		customer.await(t, id, "confirmed", func(o api.Order) bool { return o.Status == api.StatusConfirmed })
	}
	checked := func(times int64) { // each order is inspected once per sweep
		before := operator.stats(t).Audit.Checked
		await(t, "the next sweeps", func() bool { return operator.stats(t).Audit.Checked >= before+times*int64(len(ids)) })
	}
	checked(2)
	healthy := operator.stats(t)
	assert.Zero(t, inconsistent(healthy))
	assert.EqualValues(t, 4, healthy.Total.Created)
	assert.EqualValues(t, 4, healthy.Total.Confirmed)
	assert.EqualValues(t, 4, healthy.Audit.LastSweep.Orders)
	assert.WithinDuration(t, time.Now(), healthy.Audit.LastCheckedAt, time.Minute)

	deleteReminder(t, s, ids[0])
	require.NoError(t, s.Stop(stack.OrdersActor))
	loseNewestVersion(t, filepath.Join(s.Home(), "view.db"), ids[1])
	loseState(t, filepath.Join(s.Home(), "statestore.db"), ids[2])
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))
	await(t, "the audit finds them", func() bool { return inconsistent(operator.stats(t)) == 3 })
	assert.Nil(t, operator.attention(t, ids[3]))

	for _, id := range ids[:3] {
		assert.Equal(t, api.Attention{api.AttentionReasonInconsistent}, operator.attention(t, id))
		operator.reconcile(t, id)
	}
	await(t, "the audit sees the repairs", func() bool { return inconsistent(operator.stats(t)) == 0 })
}
