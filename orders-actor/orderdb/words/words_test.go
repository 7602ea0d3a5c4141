package words

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/api"
	"orders/orders-actor/order"
)

// found searches as the SQL of package orderdb does.
func found(o order.Order, q string) bool {
	own, ofCustomer := OfOrder(o)
	for _, word := range OfQuery(q) {
		if !slices.ContainsFunc(slices.Concat(own, ofCustomer), func(w string) bool { return strings.HasPrefix(w, word) }) {
			return false
		}
	}
	return true
}

type searchCases struct {
	Cases []struct {
		Text, Q string
		Found   bool
		Why     string
	}
	Unsearchable []string
}

func readSearchCases(t *testing.T) (c searchCases) {
	t.Helper()
	require.NoError(t, json.Unmarshal(api.SearchCases, &c))
	require.NotEmpty(t, c.Cases)
	return c
}

func TestSearchFollowsSharedCases(t *testing.T) {
	shared := readSearchCases(t)
	for _, c := range shared.Cases {
		name := order.Order{Items: []order.Item{{SKU: "-", Name: c.Text}}}
		require.Equal(t, c.Found, found(name, c.Q), "%s: %q in %q", c.Why, c.Q, c.Text)
		require.Equal(t, c.Found, found(order.Order{Customer: c.Text}, c.Q), "%s: %q in the customer %q", c.Why, c.Q, c.Text)
	}
	for _, q := range shared.Unsearchable {
		require.Empty(t, OfQuery(q), q)
	}
}

func TestSearchFindsOrderByIDAndLastPart(t *testing.T) {
	o := order.Order{ID: "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"}
	for q, want := range map[string]bool{
		o.ID: true, strings.ToUpper(o.ID): true, "{" + o.ID + "}": true, "01936f2e-5b": true, "0f2b6a1c8e77": true, "0f2b": true,
		"7c3a": false,
	} {
		require.Equal(t, want, found(o, q), q)
	}
}

// anyText draws texts with many letters that are special cases of fold.
func anyText() *rapid.Generator[string] {
	odd := []rune("aZ1 -.,'\"ßẞςΣİıéÅﬁﬀ½㎏ｱﾞカバ゙抹茶ーのกำที่ที녹Ꭰꭰⓐ\u0301\u0323\u0345\u00ad\u200d\ufe0f\ufdfa\u1fb3\u0149\u01c5\U0001f375")
	return rapid.StringOf(rapid.OneOf(rapid.SampledFrom(odd), rapid.Rune()))
}

func TestFoldIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		require.Equal(t, fold(text), fold(fold(text)))
	})
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if once := fold(string(r)); once != fold(once) {
			t.Errorf("%U becomes %q, then %q", r, once, fold(once))
		}
	}
}

func TestSearchFindsAnyTextByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		o := order.Order{Items: []order.Item{{Name: text}}}
		require.True(t, found(o, text))
		for field := range strings.FieldsSeq(text) {
			require.True(t, found(o, field), field)
			require.True(t, found(o, "("+field+"),"), field)
		}
	})
}

func FuzzOfQuery(f *testing.F) {
	f.Add("Green tea-1 (blue) 100%")
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range OfQuery(text) {
			require.NotContains(t, word, " ")
			require.LessOrEqual(t, len([]rune(word)), maxWord)
		}
	})
}
