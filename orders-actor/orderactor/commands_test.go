package orderactor_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

func seal() actors.Seal {
	return actors.Seal{Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, Now: func() time.Time { return noon }}
}

func hosted(w *world, id string) actors.Actor {
	return orderactor.Activator(&orderactor.Options{
		Store: w, OrderDB: w, Reminders: w, Payer: w, Clock: func() time.Time { return w.now }, DeliverAfter: deliverAfter,
	}, seal(), slog.New(slog.DiscardHandler))(id)
}

type reply struct {
	Order    *order.Order       `json:"order"`
	Replayed bool               `json:"replayed"`
	Changed  bool               `json:"changed"`
	Refusal  *order.Refusal     `json:"refusal"`
	Invalid  []order.FieldError `json:"invalid"`

	Inspection *orderactor.Inspection `json:"inspection"`
}

func send(t *testing.T, a actors.Actor, id, method string, command any) (got reply) {
	body, open, err := seal().Close(method, id, command)
	require.NoError(t, err)
	sealed, err := a.Invoke(t.Context(), method, body)
	require.NoError(t, err, "a refusal is not a failure")
	data, err := open(sealed)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &got))
	return got
}

func TestCommandsAreExecutedByTheirWireNames(t *testing.T) {
	w := newWorld()
	a := hosted(w, id)
	got := send(t, a, id, "create", tea)
	require.NotNil(t, got.Order)
	assert.Equal(t, 1, got.Order.Version)
	assert.True(t, send(t, a, id, "create", tea).Replayed)
	assert.Equal(t, order.Confirmed, send(t, a, id, "settle", order.Settle{ID: id, Confirmed: true}).Order.Status)
	assert.Equal(t, order.Confirmed, send(t, a, id, "poke", struct{}{}).Order.Status)
	assert.True(t, send(t, a, id, "cancel", cancelTea).Changed)
	assert.False(t, send(t, a, id, "cancel", cancelTea).Changed)
	assert.Equal(t, order.Cancelled, send(t, a, id, "voided", struct{}{}).Order.Status)
	assert.False(t, w.stored.VoidPending)
	require.NoError(t, a.Remind(t.Context(), "deliver"))
	assert.Equal(t, []string{"deliver"}, w.removed, "the order is final")
	require.NoError(t, a.Remind(t.Context(), "unknown"))
	assert.Equal(t, []string{"deliver", "unknown"}, w.removed, "an unknown reminder is removed")
	assert.Equal(t, 3, w.stored.Version)

	bad := tea
	bad.Currency = "XXX"
	assert.Equal(t, "currency", send(t, hosted(newWorld(), id), id, "create", bad).Invalid[0].Field)
}

func TestUnsealedCommandsFailAndInvalidIDsAreRefused(t *testing.T) {
	w := newWorld()
	plain, err := json.Marshal(tea)
	require.NoError(t, err)
	for _, body := range [][]byte{plain, nil} {
		_, err := hosted(w, id).Invoke(t.Context(), "create", body)
		require.ErrorIs(t, err, actors.ErrSeal, "a failure, not a refusal")
	}
	assert.Equal(t, order.Forbidden, send(t, hosted(w, id), id, "delete", tea).Refusal.Code)
	for _, invalid := range []string{"", "1", "0198F7A0-0000-7000-8000-000000000001", "{0198f7a0-0000-7000-8000-000000000001}"} {
		assert.Equal(t, order.OrderNotFound, send(t, hosted(w, invalid), invalid, "create", tea).Refusal.Code)
		require.NoError(t, hosted(w, invalid).Remind(t.Context(), "deliver"))
	}
	assert.Equal(t, slices.Repeat([]string{"unremind"}, 4), w.steps, "only reminders were removed")
}
