package e2e

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/stack"
)

func (u user) inspect(t *testing.T, id string) api.Inspection {
	t.Helper()
	got := read(t)(u.InspectOrder(t.Context(), id))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	return parse[api.Inspection](t, got.Body)
}

func (u user) reconcile(t *testing.T, id string) api.ReconciledOrder {
	t.Helper()
	got := read(t)(u.ReconcileOrder(t.Context(), id, nil, api.ReconcileOrder{Reason: "a test"}))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	return parse[api.ReconciledOrder](t, got.Body)
}

// attention returns why an order needs attention, as the list and the order tell.
func (u user) attention(t *testing.T, id string) api.Attention {
	t.Helper()
	got := read(t)(u.ListOrders(t.Context(), &api.ListOrdersParams{Attention: new(api.ListOrdersParamsAttentionTrue)}))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	list := parse[api.OrderList](t, got.Body)
	require.NotNil(t, list.Attention)
	i := slices.IndexFunc(list.Orders, func(o api.OrderSummary) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return list.Orders[i].Attention
}

func codes(i api.Inspection) (codes []api.FindingCode) {
	for _, f := range i.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestOperatorFindsAndRepairsWhatWasLost(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1h", "ATTENTION_AFTER": "1s", "RATE_LIMIT": "0"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "0s"},
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	customer, operator := login(t, s.URL(), "alice", api.RoleCustomer), login(t, s.URL(), "otto", api.RoleOperator)
	isConfirmed := func(o api.Order) bool { return o.Status == api.StatusConfirmed }
	confirmed := func(t *testing.T) api.Order {
		return customer.await(t, customer.created(t).ID, "confirmed", isConfirmed)
	}

	t.Run("reminder", func(t *testing.T) {
		o := confirmed(t)
		before := operator.inspect(t, o.ID)
		require.Equal(t, api.VerdictConsistent, before.Verdict, before.Summary)
		assert.True(t, before.Reminder.Set)
		assert.WithinDuration(t, o.DeliverAt, before.Reminder.DueAt, time.Minute)
		assert.NotEmpty(t, before.Actor.Host)
		assert.Equal(t, api.LedgerStatusConfirmed, before.Ledger.Payment.Status)
		assert.Equal(t, o.Version, before.Database.Order.Version)

		deleteReminder(t, s, o.ID)
		lost := operator.inspect(t, o.ID)
		require.Equal(t, api.VerdictInconsistent, lost.Verdict, lost.Summary)
		assert.Equal(t, []api.FindingCode{api.FindingCodeReminderMissing}, codes(lost))
		assert.Equal(t, api.Reconcile, lost.Findings[0].Fix)
		assert.Equal(t, api.Attention{api.AttentionReasonInconsistent}, operator.attention(t, o.ID))

		assert.Equal(t, []api.RepairStep{api.ReminderSet}, operator.reconcile(t, o.ID).Repairs)
		after := operator.inspect(t, o.ID)
		assert.Equal(t, api.VerdictConsistent, after.Verdict, after.Summary)
		require.Len(t, after.Repairs, 1)
		assert.Equal(t, "otto", after.Repairs[0].User)
		assert.True(t, after.Repairs[0].Done)
		assert.Nil(t, operator.attention(t, o.ID))
	})

	t.Run("newest version in the order database", func(t *testing.T) {
		o := confirmed(t)
		require.NoError(t, s.Stop(stack.OrdersActor))
		loseNewestVersion(t, filepath.Join(s.Home(), "view.db"), o.ID)
		require.NoError(t, s.Start(stack.OrdersActor))
		require.NoError(t, s.WaitReady(t.Context()))
		require.Equal(t, api.StatusCreated, customer.get(t, o.ID).Status)

		var lost api.Inspection
		await(t, "the actor answers", func() bool {
			lost = operator.inspect(t, o.ID)
			return lost.Actor.Error == ""
		})
		assert.Contains(t, codes(lost), api.FindingCodeDatabaseOlder)
		assert.Contains(t, operator.reconcile(t, o.ID).Repairs, api.DatabaseUpdated)
		assert.Equal(t, o, customer.get(t, o.ID))
		after := operator.inspect(t, o.ID)
		assert.Equal(t, api.VerdictConsistent, after.Verdict, after.Summary)
	})

	t.Run("payment service", func(t *testing.T) {
		require.NoError(t, s.Kill(stack.PaymentsSvc))
		o := customer.created(t)
		await(t, "the order needs attention", func() bool {
			return slices.Contains(operator.attention(t, o.ID), api.AttentionReasonUnpaid)
		})
		waiting := operator.inspect(t, o.ID)
		assert.Equal(t, api.VerdictWaiting, waiting.Verdict, waiting.Summary)
		assert.Contains(t, codes(waiting), api.FindingCodeUnpaid)
		assert.NotEmpty(t, waiting.Ledger.Error)
		require.NotEmpty(t, waiting.Actor.Jobs)
		assert.NotEmpty(t, waiting.Actor.Jobs[0].LastError)

		require.NoError(t, s.Start(stack.PaymentsSvc))
		customer.await(t, o.ID, "confirmed", isConfirmed)
		assert.Nil(t, operator.attention(t, o.ID), "it ends with the cause")
	})
}

// Inspections report no turn, payment, void or delivery that is under way.
func TestInspectionsOfHealthyOrdersFindNothing(t *testing.T) {
	c, operator := customer(t), login(t, shared.URL(), "otto", api.RoleOperator)
	var orders sync.WaitGroup
	for i := range 12 {
		o := c.created(t)
		orders.Go(func() {
			for n := 0; ; n++ {
				if i%4 == 0 && n == i/4 {
					c.cancel(t, o.ID)
				}
				inspection := operator.inspect(t, o.ID)
				assert.Empty(t, inspection.Findings, inspection.Summary)
				if inspection.Verdict == api.VerdictConsistent && inspection.Database.Order.Status.Final() && !inspection.Database.Order.VoidPending {
					return
				}
			}
		})
	}
	orders.Wait()
}

// deleteReminder deletes the reminder of an order in the scheduler.
func deleteReminder(t *testing.T, s *stack.Stack, id string) {
	t.Helper()
	sidecar := s.Part(stack.OrdersActor + ".sidecar")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, sidecar.URL+"/v1.0/actors/Order/"+id+"/reminders/deliver", nil)
	require.NoError(t, err)
	req.Header.Set("dapr-api-token", sidecar.Token)
	status, body := do(t, plain, req)
	require.Equal(t, http.StatusNoContent, status, "%s", body)
}

// loseNewestVersion replaces a confirmed order in the order database by its first version, as an older dump has it. Its time of
// change is in the future, so that the reconciler does not find it during the test.
func loseNewestVersion(t *testing.T, file, id string) {
	t.Helper()
	db, err := orderdb.Open(t.Context(), file)
	require.NoError(t, err)
	state, found, err := db.Find(t.Context(), id)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, db.Close())
	state.Version, state.Status, state.DeliverAt, state.History = 1, order.Created, nil, state.History[:1]
	state.Payment = order.Payment{Status: order.PaymentPending}
	encoded, err := json.Marshal(state)
	require.NoError(t, err)
	raw, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.ExecContext(t.Context(), `UPDATE orders SET version = 1, status = 'created', deliver_at = NULL, updated_at = ?, state = ? WHERE id = ?`,
		time.Now().Add(time.Hour).UnixMilli(), string(encoded), id)
	require.NoError(t, err)
}
