package order_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

var benchCreate = order.Create{
	ID: "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77", Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR",
	Items:       []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	Fingerprint: strings.Repeat("f", 64),
}

// BenchmarkLife measures the decisions of one order, from its create to its delivery.
func BenchmarkLife(b *testing.B) {
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		s, err := order.New(benchCreate, now)
		require.NoError(b, err)
		s, _ = s.Settle(order.Settle{ID: s.ID, Confirmed: true, Attempts: 1}, now, time.Second)
		s, delivered := s.Deliver(now.Add(time.Second))
		require.True(b, delivered, s.Status)
	}
}

// BenchmarkStateJSON measures the encoding and decoding of the state that a turn saves and loads.
func BenchmarkStateJSON(b *testing.B) {
	s, err := order.New(benchCreate, time.Now())
	require.NoError(b, err)
	data, err := json.Marshal(s)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := json.Marshal(s)
			require.NoError(b, err)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := order.Decode(data)
			require.NoError(b, err)
		}
	})
}
