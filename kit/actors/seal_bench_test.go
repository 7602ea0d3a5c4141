package actors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/actors"
)

// BenchmarkSeal measures a command and its reply, of a few hundred bytes, with both ends.
func BenchmarkSeal(b *testing.B) {
	seal := actors.Seal{Keys: [][]byte{make([]byte, 32)}, Now: time.Now}
	command, reply := strings.Repeat("c", 400), []byte(strings.Repeat("r", 800))
	b.ReportAllocs()
	for b.Loop() {
		body, open, err := seal.Close("create", "42", command)
		require.NoError(b, err)
		_, sealReply, err := seal.Open("create", "42", body)
		require.NoError(b, err)
		_, err = open(sealReply(reply))
		require.NoError(b, err)
	}
}
