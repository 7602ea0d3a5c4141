package onbehalf_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/api/onbehalf"
)

// BenchmarkToken measures the token of one payment call, with both ends.
func BenchmarkToken(b *testing.B) {
	key, now := make([]byte, onbehalf.MinKey), time.Now()
	claims := onbehalf.Claims{OrderID: "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77", User: "alice", Amount: 900, Currency: "EUR"}
	b.ReportAllocs()
	for b.Loop() {
		token, err := onbehalf.Mint(key, claims, now)
		require.NoError(b, err)
		_, err = onbehalf.Verify([][]byte{key}, token, now)
		require.NoError(b, err)
	}
}
