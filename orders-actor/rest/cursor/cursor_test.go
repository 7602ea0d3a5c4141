package cursor

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newSealer(t testing.TB, keys ...string) *Sealer {
	t.Helper()
	var secrets [][]byte
	for _, key := range keys {
		secrets = append(secrets, []byte(strings.Repeat(key, 32)))
	}
	s, err := New(secrets)
	require.NoError(t, err)
	return s
}

func TestSealedCursorIsDeterministicAndAuthenticated(t *testing.T) {
	s := newSealer(t, "a")
	const low, high = "0badcafe.0.7", "0badcafe.9223372036854775807.9223372036854775807"
	sealed := s.Seal(Feed, low)
	assert.Equal(t, sealed, newSealer(t, "a").Seal(Feed, low), "equal on all replicas and after restarts")
	assert.Len(t, sealed, len(s.Seal(Feed, high)), "the length does not depend on the numbers")
	const maxLength = 512 // of the cursor parameters in the contract
	assert.LessOrEqual(t, len(s.Seal(Page, strings.Repeat("x", 3*blockSize))), maxLength)

	for i := range cacheSize + cacheSize/2 {
		s.Seal(Feed, strconv.Itoa(i))
	}
	assert.LessOrEqual(t, len(s.cache), cacheSize)
	assert.Equal(t, sealed, s.Seal(Feed, low), "equal whether cached or not")

	for name, bad := range map[string]string{
		"unknown key": newSealer(t, "b").Seal(Feed, low), "other kind": s.Seal(Page, low), "not sealed": low,
		"empty": "", "truncated": sealed[:10], "extended": sealed + "A", "changed": "A" + sealed[1:], "padded": sealed + "=",
	} {
		_, ok := s.Open(Feed, bad)
		assert.False(t, ok, name)
	}
	for _, text := range []string{low, high, "x", strings.Repeat("x", blockSize+1)} {
		got, ok := s.Open(Feed, s.Seal(Feed, text))
		assert.True(t, ok)
		assert.Equal(t, text, got)
	}
}

// The steps of ADR 0203: accept the new key, seal with it, remove the old one.
func TestCursorsOpenDuringKeyRotation(t *testing.T) {
	before, accepting, sealing, after := newSealer(t, "a"), newSealer(t, "a", "b"), newSealer(t, "b", "a"), newSealer(t, "b")
	for _, step := range [][2]*Sealer{{before, accepting}, {accepting, before}, {accepting, sealing}, {sealing, accepting}, {sealing, after}, {after, sealing}} {
		got, ok := step[1].Open(Feed, step[0].Seal(Feed, "0badcafe.0.7"))
		assert.True(t, ok)
		assert.Equal(t, "0badcafe.0.7", got)
	}
	_, ok := after.Open(Feed, before.Seal(Feed, "0badcafe.0.7"))
	assert.False(t, ok)
}

func FuzzOpenCursor(f *testing.F) {
	s := newSealer(f, "a")
	f.Add(s.Seal(Feed, "0badcafe.0.7"))
	f.Add("")
	f.Fuzz(func(t *testing.T, sealed string) {
		if text, ok := s.Open(Feed, sealed); ok {
			require.Equal(t, sealed, s.Seal(Feed, text), "a cursor has one encrypted form")
		}
	})
}
