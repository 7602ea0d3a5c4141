package rest

import (
	"strconv"
	"strings"
	"testing"

	"orders/orders-actor/feed"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func cursorsOf(t testing.TB, keys ...string) *cursors {
	t.Helper()
	var all [][]byte
	for _, key := range keys {
		all = append(all, []byte(strings.Repeat(key, 32)))
	}
	c, err := newCursors(all)
	require.NoError(t, err)
	return c
}

func TestSealedCursors(t *testing.T) {
	c := cursorsOf(t, "a")
	const low, high = "0badcafe.0.7", "0badcafe.9223372036854775807.9223372036854775807"
	sealed := c.seal(feedCursors, low)
	assert.Equal(t, sealed, cursorsOf(t, "a").seal(feedCursors, low), "replicas and restarts make the same")
	assert.Len(t, sealed, len(c.seal(feedCursors, high)), "the length tells nothing of the numbers")
	assert.LessOrEqual(t, len(c.seal(pageCursors, strings.Repeat("x", 3*cursorBlock))), maxCursor)

	for i := range 3 * feed.Size {
		c.seal(feedCursors, strconv.Itoa(i))
	}
	assert.LessOrEqual(t, len(c.recent), 2*feed.Size)
	assert.Equal(t, sealed, c.seal(feedCursors, low), "remembered or not")

	for name, bad := range map[string]string{
		"of no key": cursorsOf(t, "b").seal(feedCursors, low), "of another kind": c.seal(pageCursors, low), "not sealed": low,
		"empty": "", "cut": sealed[:10], "longer": sealed + "A", "changed": "A" + sealed[1:], "padded": sealed + "=",
	} {
		_, ok := c.open(feedCursors, bad)
		assert.False(t, ok, name)
	}
	for _, text := range []string{low, high, "x", strings.Repeat("x", cursorBlock+1)} {
		got, ok := c.open(feedCursors, c.seal(feedCursors, text))
		assert.True(t, ok)
		assert.Equal(t, text, got)
	}
}

// The steps of ADR 0203: accept the new key, use it, forget the old one.
func TestCursorsSurviveKeyRotation(t *testing.T) {
	before, accepting, using, after := cursorsOf(t, "a"), cursorsOf(t, "a", "b"), cursorsOf(t, "b", "a"), cursorsOf(t, "b")
	for _, step := range [][2]*cursors{{before, accepting}, {accepting, before}, {accepting, using}, {using, accepting}, {using, after}, {after, using}} {
		got, ok := step[1].open(feedCursors, step[0].seal(feedCursors, "0badcafe.0.7"))
		assert.True(t, ok)
		assert.Equal(t, "0badcafe.0.7", got)
	}
	_, ok := after.open(feedCursors, before.seal(feedCursors, "0badcafe.0.7"))
	assert.False(t, ok)
}

func FuzzOpenCursor(f *testing.F) {
	c := cursorsOf(f, "a")
	f.Add(c.seal(feedCursors, "0badcafe.0.7"))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if text, ok := c.open(feedCursors, s); ok {
			require.Equal(t, s, c.seal(feedCursors, text), "one cursor has one form")
		}
	})
}
