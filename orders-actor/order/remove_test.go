package order_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

func TestOnlyFinalOrdersWithoutAPendingVoidAreRemoved(t *testing.T) {
	for name, removable := range map[string]bool{
		"created": false, "confirmed": false, "payment failing": false, "with an idempotency key": false,
		"cancelled by its customer": false, "cancelled by an operator": false, // their voids are pending
		"delivered": true, "declined": true, "voided": true,
	} {
		t.Run(name, func(t *testing.T) {
			s := goldenOrders(t)[name]
			next, changed, err := s.Remove(order.Remove{ID: s.ID}, ordered.Add(time.Hour))
			if !removable {
				var refusal *order.Refusal
				require.ErrorAs(t, err, &refusal)
				assert.Equal(t, order.NotRemovable, refusal.Code)
				assert.Equal(t, s, next)
				return
			}
			require.NoError(t, err)
			assert.True(t, changed)
			assert.True(t, next.IsRemoved())
			again, changed, err := next.Remove(order.Remove{ID: s.ID}, ordered.Add(2*time.Hour))
			require.NoError(t, err)
			assert.False(t, changed)
			assert.Equal(t, next, again)
		})
	}
}

func TestOrdersThatBecameFinalTooRecentlyAreNotRemoved(t *testing.T) {
	s := goldenOrders(t)["delivered"]
	for before, removable := range map[time.Time]bool{
		s.UpdatedAt: false, s.UpdatedAt.Add(-time.Hour): false, s.UpdatedAt.Add(time.Millisecond): true, {}: true,
	} {
		_, _, err := s.Remove(order.Remove{ID: s.ID, Before: before}, ordered.Add(time.Hour))
		assert.Equal(t, removable, err == nil, before)
	}
}

// A tombstone has the id and the time of the removal, and nothing of the order. Its stored form must not change.
func TestTombstoneTellsNothingAboutTheOrder(t *testing.T) {
	s := goldenOrders(t)["delivered"]
	next, _, err := s.Remove(order.Remove{ID: s.ID}, ordered.Add(time.Hour))
	require.NoError(t, err)
	data, err := json.Marshal(next)
	require.NoError(t, err)
	assert.JSONEq(t, `{"schema":3,"id":"`+s.ID+`","status":"removed","version":2147483647,"updatedAt":"2026-11-24T10:30:00.12Z",
		"createdAt":"0001-01-01T00:00:00Z","customer":"","items":null,"currency":"","total":0,"payment":{"status":"","attempts":0},
		"auth":{"user":"","role":""},"fingerprint":""}`, string(data))

	got, err := order.Decode(data)
	require.NoError(t, err)
	assert.Equal(t, next, got)
}

func TestCreateWithTheKeyOfARemovedOrderIsRefused(t *testing.T) {
	s := goldenOrders(t)["delivered"]
	next, _, err := s.Remove(order.Remove{ID: s.ID}, ordered.Add(time.Hour))
	require.NoError(t, err)
	_, err = next.CheckReplay(order.Create{ID: s.ID, Fingerprint: s.Fingerprint, Auth: s.Auth})
	var refusal *order.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, order.OrderRemoved, refusal.Code)
}
