package cursors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzFeedCursor(f *testing.F) {
	for _, s := range []string{"0badcafe.0.42", "0badcafe.9223372036854775807.1", "..", "0badcafe.-1.1", "0badcafe.+1.1", "0badcafe.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseFeed(s)
		if err != nil {
			require.ErrorIs(t, err, ErrBad)
			return
		}
		require.Equal(t, s, c.String(), "a cursor has one form")
	})
}

func FuzzPageCursor(f *testing.F) {
	const list = "list"
	f.Add(Page{List: list, Key: 1, ID: "a"}.String())
	f.Add("1e30")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParsePage(s, list)
		if err != nil {
			require.ErrorIs(t, err, ErrBad)
			return
		}
		require.Equal(t, list, c.List)
		require.Equal(t, s, c.String(), "a cursor has one form")
	})
}
