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

// plant changes one row of a database of the product.
func plant(t *testing.T, file, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	changed, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
	n, err := changed.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n, query)
}

// loseState deletes an order's actor state.
func loseState(t *testing.T, file, id string) {
	t.Helper()
	plant(t, file, `DELETE FROM state WHERE key = 'orders-actor||Order||' || ? || '||order'`, id)
}

// Each difference is what a defect of the simulation leaves in the stores, or a loss. The defects that leave nothing in them, such
// as an accepted reply of another app, are found by clients only. No test inspects the orders: the audit does.
func TestAuditFindsWhatIsPlantedInEachStoreAndSeesItRepaired(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1h", "AUDIT_PER_MINUTE": "600", "RATE_LIMIT": "0"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "0s"},
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	customer, operator := login(t, s.URL(), "alice", api.RoleCustomer), login(t, s.URL(), "otto", api.RoleOperator)
	database, states, ledger := filepath.Join(s.Home(), "view.db"), filepath.Join(s.Home(), "statestore.db"), filepath.Join(s.Home(), "ledger.db")
	inLedger := func(set string) func(*testing.T, string) {
		return func(t *testing.T, id string) {
			t.Helper()
			saved := inDapr(t, s, "ledger.db", id) // base64 in the table
			plant(t, ledger, `UPDATE state SET is_binary = 0, value = (SELECT `+set+` FROM (SELECT ? AS value)) WHERE key = 'payments-svc||' || ?`, saved, id)
		}
	}

	planted := []struct {
		finding   api.FindingCode
		cancelled bool // the order; the others are confirmed
		fix       api.Fix
		plant     func(t *testing.T, id string)
	}{
		{"reminder-missing", false, "reconcile", func(t *testing.T, id string) { t.Helper(); deleteReminder(t, s, id) }},
		{"database-older", false, "reconcile", func(t *testing.T, id string) { t.Helper(); loseNewestVersion(t, database, id) }},
		{"content-differs", false, "reconcile", func(t *testing.T, id string) {
			t.Helper()
			plant(t, database, `UPDATE orders SET state = json_set(state, '$.payment.reason', 'another') WHERE id = ?`, id)
		}},
		{"actor-missing", false, "reconcile", func(t *testing.T, id string) { t.Helper(); loseState(t, states, id) }},
		{"void-missing", true, "reconcile", inLedger(`json_remove(json_set(value, '$.status', 'confirmed'), '$.entries[1]')`)},
		{"charge-missing", false, "restore", func(t *testing.T, id string) {
			t.Helper()
			plant(t, ledger, `DELETE FROM state WHERE key = 'payments-svc||' || ?`, id)
		}},
		{"charge-differs", false, "report", inLedger(`json_set(value, '$.amount', 1)`)},
		{"charged-twice", false, "report", inLedger(`json_insert(value, '$.entries[#]', json_extract(value, '$.entries[0]'))`)},
	}
	ids := []string{customer.created(t).ID} // nothing is planted for the first one
	for range planted {
		ids = append(ids, customer.created(t).ID)
	}
	for i, id := range ids {
		customer.await(t, id, "confirmed", func(o api.Order) bool { return o.Status == api.StatusConfirmed })
		if i > 0 && planted[i-1].cancelled {
			customer.cancel(t, id)
			customer.await(t, id, "voided", func(o api.Order) bool { return o.Payment.Status == api.Voided })
		}
	}
	checked := func(times int64) { // each order is inspected once per sweep
		before := operator.stats(t).Audit.Checked
		await(t, "the next sweeps", func() bool { return operator.stats(t).Audit.Checked >= before+times*int64(len(ids)) })
	}
	checked(2)
	healthy := operator.stats(t)
	assert.Zero(t, inconsistent(healthy))
	assert.EqualValues(t, len(ids), healthy.Total.Created)
	assert.EqualValues(t, len(ids), healthy.Total.Confirmed)
	assert.EqualValues(t, len(ids), healthy.Audit.LastSweep.Orders)
	assert.WithinDuration(t, time.Now(), healthy.Audit.LastCheckedAt, time.Minute)

	require.NoError(t, s.Stop(stack.OrdersActor))
	for i, p := range planted {
		if p.finding != "reminder-missing" {
			p.plant(t, ids[i+1])
		}
	}
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))
	planted[0].plant(t, ids[1]) // through the sidecar
	await(t, "the audit finds them", func() bool { return inconsistent(operator.stats(t)) == len(planted) })
	assert.Nil(t, operator.attention(t, ids[0]))

	left := 0
	for i, p := range planted {
		id := ids[i+1]
		assert.Equal(t, api.Attention{api.AttentionReasonInconsistent}, operator.attention(t, id), p.finding)
		found := operator.inspect(t, id).Findings
		require.NotEmpty(t, found, p.finding)
		assert.Equal(t, p.finding, found[0].Code)
		assert.Equal(t, p.fix, found[0].Fix, p.finding)
		if p.fix == "reconcile" {
			operator.reconcile(t, id)
		} else {
			left++
		}
	}
	await(t, "the audit sees the repairs", func() bool { return inconsistent(operator.stats(t)) == left })
}
