package catalogue_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/catalogue"
	"orders/orders-actor/order"
)

func TestDefaultCatalogueHasAPriceInEachCurrency(t *testing.T) {
	for _, item := range catalogue.Default().Items {
		assert.Len(t, item.Prices, len(order.Currencies), item.SKU)
	}
	c, err := catalogue.Load("")
	require.NoError(t, err)
	assert.Equal(t, catalogue.Default(), c)
}

func TestInvalidCatalogueNamesTheEntry(t *testing.T) {
	file := func(items string) string { return `{"items":[` + items + `]}` }
	tea := `{"sku":"tea-1","name":"Green tea","prices":{"EUR":450}}`
	for text, want := range map[string]string{
		"":                          "it is not valid JSON",
		"[":                         "the file must be an object",
		`{}`:                        "items is missing",
		`{"items":[],"currency":1}`: "currency is not known",
		file(""):                    "items must have from 1 to 1000 entries, not 0",
		file(strings.TrimSuffix(strings.Repeat(tea+",", 1001), ",")): "items must have from 1 to 1000 entries, not 1001",
		file(tea + "," + tea):                                                            "items[1] (tea-1).sku is the sku of an earlier item too",
		file(tea + `,{"sku":"a","name":"b"}`):                                            "items[1].prices is missing",
		file(`{"sku":"a","name":"b","prices":{}}`):                                       "items[0] (a).prices must have at least one price",
		file(`{"sku":"a","name":"b","prices":{"EUR":-1}}`):                               "items[0] (a).prices.EUR must be from 0 to 100000000 minor units, not -1",
		file(`{"sku":"a","name":"b","prices":{"EUR":4.5}}`):                              "items[0].prices.EUR must be",
		file(`{"sku":"a","name":"b","prices":{"EUR":1,"EUR":2}}`):                        "items[0].prices.EUR is there twice",
		file(`{"sku":"a","name":"b","prices":{"XXX":1}}`):                                "items[0] (a).prices.XXX is not one of CHF, EUR, GBP, JPY, USD",
		file(`{"sku":"","name":"b","prices":{"EUR":1}}`):                                 "items[0].sku must not be empty",
		file(`{"sku":"a","name":" b","prices":{"EUR":1}}`):                               "items[0] (a).name must not be empty, and have no white space around it",
		file(`{"sku":"a","name":"b\u0007c","prices":{"EUR":1}}`):                         "items[0] (a).name must not hold control characters",
		file(`{"sku":"a","name":"` + strings.Repeat("b", 201) + `","prices":{"EUR":1}}`): "items[0] (a).name must have at most 200 characters",
	} {
		_, err := catalogue.Parse([]byte(text))
		require.ErrorContains(t, err, want, "%.80s", text)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue.json")
	_, err := catalogue.Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(`{"items":[{"sku":"a","name":"b","prices":{"EUR":1,"XXX":1}},{"sku":"b","name":"","prices":{"EUR":1}}]}`), 0o600))
	_, err = catalogue.Load(path)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "items[0] (a).prices.XXX")
	require.ErrorContains(t, err, "items[1] (b).name", "all entries are named")
	require.NoError(t, os.WriteFile(path, []byte(`{"items":[{"sku":"a","name":"b","prices":{"EUR":1}}]}`), 0o600))
	c, err := catalogue.Load(path)
	require.NoError(t, err)
	assert.Equal(t, []catalogue.Item{{SKU: "a", Name: "b", Prices: map[string]int64{"EUR": 1}}}, c.Items)
}

func TestCheckNamesTheFieldsThatDiffer(t *testing.T) {
	c, err := catalogue.Parse([]byte(`{"items":[{"sku":"tea-1","name":"Green tea","prices":{"EUR":450,"JPY":700}}]}`))
	require.NoError(t, err)
	tea := order.Item{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}
	with := func(change func(*order.Item)) order.Item {
		other := tea
		change(&other)
		return other
	}
	for name, test := range map[string]struct {
		items    []order.Item
		currency string
		want     []order.FieldError
	}{
		"as in the catalogue": {[]order.Item{tea, tea}, "EUR", nil},
		"other currency":      {[]order.Item{with(func(i *order.Item) { i.UnitPrice = 700 })}, "JPY", nil},
		"unknown sku":         {[]order.Item{tea, with(func(i *order.Item) { i.SKU = "tea-2" })}, "EUR", []order.FieldError{{Field: "items[1].sku", Message: "is not in the catalogue"}}},
		"not in the currency": {[]order.Item{tea}, "USD", []order.FieldError{{Field: "items[0].sku", Message: "is not sold in USD"}}},
		"other name and price": {[]order.Item{with(func(i *order.Item) { i.Name, i.UnitPrice = "green tea", 449 })}, "EUR", []order.FieldError{
			{Field: "items[0].name", Message: `must be "Green tea", as in the catalogue`}, {Field: "items[0].unitPrice", Message: "must be 450, as in the catalogue"},
		}},
	} {
		assert.Equal(t, test.want, c.Check(test.items, test.currency), name)
	}
}
