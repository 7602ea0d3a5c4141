package orderactor_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

func repair(t *testing.T, o *orderactor.Order, r order.Repair) orderactor.Result {
	t.Helper()
	got, err := o.Resume(t.Context(), order.Resume{Repair: &r})
	require.NoError(t, err)
	return got
}

func TestRepairRestoresWhatWasLost(t *testing.T) {
	type result struct {
		steps      []order.RepairStep
		pays, void int
	}
	for name, c := range map[string]struct {
		given func(t *testing.T, w *world, o *orderactor.Order)
		lose  func(w *world)
		want  result
	}{
		"nothing, confirmed": {want: result{steps: []order.RepairStep{order.ReminderSet}}},
		"reminder":           {lose: func(w *world) { w.reminder = nil }, want: result{steps: []order.RepairStep{order.ReminderSet}}},
		"actor's state":      {lose: func(w *world) { w.stored = nil }, want: result{steps: []order.RepairStep{order.StateRestored, order.ReminderSet}}},
		"newest actor's state": {
			lose: func(w *world) { w.stored.Version, w.stored.Status = 1, order.Created },
			want: result{steps: []order.RepairStep{order.StateRestored, order.ReminderSet}},
		},
		"other content of the same version": {
			lose: func(w *world) { w.stored.Fingerprint = "another" },
			want: result{steps: []order.RepairStep{order.StateRestored, order.ReminderSet}},
		},
		"order in the database": {lose: func(w *world) { w.database = nil }, want: result{steps: []order.RepairStep{order.DatabaseUpdated, order.ReminderSet}}},
		"newest version in the database": {
			lose: func(w *world) { w.database.Version = 1 },
			want: result{steps: []order.RepairStep{order.DatabaseUpdated, order.ReminderSet}},
		},
		"delivery": {lose: func(w *world) { w.now, w.reminder = noon.Add(time.Hour), nil }, want: result{steps: []order.RepairStep{order.OrderDelivered}}},
		"void": {
			given: func(t *testing.T, _ *world, o *orderactor.Order) {
				_, err := o.Cancel(t.Context(), cancelTea)
				require.NoError(t, err)
				_, err = o.Voided(t.Context(), order.Voided{})
				require.NoError(t, err)
			},
			want: result{steps: []order.RepairStep{order.VoidRequested}, void: 1},
		},
		"pending void": {
			given: func(t *testing.T, _ *world, o *orderactor.Order) {
				_, err := o.Cancel(t.Context(), cancelTea)
				require.NoError(t, err)
			},
			want: result{steps: []order.RepairStep{order.VoidRequested}, void: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := confirmedWorld(t)
			if c.given != nil {
				c.given(t, w, o)
			}
			if c.lose != nil {
				c.lose(w)
			}
			pays, voids := w.pays, w.voids
			got := repair(t, o, order.Repair{}) // of the activation that does not know of the loss
			assert.Equal(t, c.want, result{got.Repairs, w.pays - pays, w.voids - voids})
			assert.Equal(t, w.stored, w.database)
			assert.Equal(t, w.stored.Order, got.Order)
			if got.Order.Status == order.Confirmed {
				require.NotNil(t, w.reminder)
			}
			again := repair(t, o, order.Repair{IfVersion: got.Order.Version})
			assert.Equal(t, got.Order, again.Order, "it may be repeated")
		})
	}
}

// The event log must not have a gap.
func TestRepairPutsTheStoredVersionBeforeItDelivers(t *testing.T) {
	w, o := confirmedWorld(t)
	w.database.Version, w.now, w.steps = 1, noon.Add(time.Hour), nil
	assert.Equal(t, []order.RepairStep{order.DatabaseUpdated, order.OrderDelivered}, repair(t, o, order.Repair{}).Repairs)
	assert.Equal(t, []string{"load", "find", "put", "save", "put"}, w.steps)
}

func TestRepairRequestsAPendingPaymentAgain(t *testing.T) {
	w := newWorld()
	o := w.activate()
	_, err := o.Create(t.Context(), tea)
	require.NoError(t, err)
	assert.Equal(t, []order.RepairStep{order.PaymentRequested}, repair(t, o, order.Repair{}).Repairs)
	assert.Equal(t, 2, w.pays)
}

func TestRepairIsRefusedForAnotherVersionAndAnUnknownOrder(t *testing.T) {
	w, o := confirmedWorld(t)
	w.stored, w.steps = nil, nil
	_, err := o.Resume(t.Context(), order.Resume{Repair: &order.Repair{IfVersion: 1}})
	var refusal *order.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, order.VersionMismatch, refusal.Code)
	assert.Equal(t, []string{"load", "find"}, w.steps, "nothing was changed")
	_, err = newWorld().activate().Resume(t.Context(), order.Resume{Repair: &order.Repair{}})
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, order.OrderNotFound, refusal.Code)
}

func TestInspectReadsTheStoreAndChangesNothing(t *testing.T) {
	w, _ := confirmedWorld(t)
	w.stored, w.steps = nil, nil
	got := send(t, hosted(w, id), id, "inspect", struct{}{})
	require.NotNil(t, got.Inspection)
	assert.Equal(t, orderactor.Inspection{}, *got.Inspection)

	jobs := []order.Job{{State: order.JobFailed, Tries: 3}, {Void: true, State: order.JobRunning, Tries: 1}}
	o := orderactor.Activator(&orderactor.Options{Store: w, Host: "a:8080", Jobs: func(string) []order.Job { return jobs }}, seal(), slog.New(slog.DiscardHandler))(id)
	w.stored = w.database
	got = send(t, o, id, "inspect", struct{}{})
	assert.Equal(t, orderactor.Inspection{Stored: true, State: *w.database, Host: "a:8080", Jobs: jobs[1:]}, *got.Inspection, "the payment is no longer pending")
	assert.Equal(t, []string{"load", "load"}, w.steps)
}
