package rest_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
	"orders/orders-actor/rest"
)

// escaped returns text as JSON in its longest encoding: each UTF-16 unit as an escape of six bytes.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}

// largestOrder returns the largest order that the contract allows, indented. All strings consist of char, encoded by encode.
func largestOrder(char string, encode func(string) string) string {
	item := func(i int) string {
		sku := strings.Repeat(char, order.MaxSKU-3) + fmt.Sprintf("%03d", i)
		return fmt.Sprintf("    {\r\n      %s : %s ,\r\n      %s : %s ,\r\n      %s : %d ,\r\n      %s : %d\r\n    }",
			encode("sku"), encode(sku), encode("name"), encode(strings.Repeat(char, order.MaxName)),
			encode("quantity"), order.MaxQuantity, encode("unitPrice"), order.MaxTotal/order.MaxItems/order.MaxQuantity)
	}
	items := make([]string, order.MaxItems)
	for i := range items {
		items[i] = item(i)
	}
	return fmt.Sprintf("{\r\n  %s : [\r\n%s\r\n  ] ,\r\n  %s : %s\r\n}\r\n",
		encode("items"), strings.Join(items, " ,\r\n"), encode("currency"), encode("EUR"))
}

func TestLargestOrderFitsInAnyEncoding(t *testing.T) {
	plain := func(text string) string { return `"` + text + `"` }
	s := start(t)
	for name, body := range map[string]string{
		"plain, 3 bytes a character": largestOrder("抹", plain),
		"plain, 4 bytes a character": largestOrder("😀", plain),
		"escaped Latin":              largestOrder("é", escaped),
		"escaped surrogate pairs":    largestOrder("😀", escaped),
	} {
		t.Run(name, func(t *testing.T) {
			a := s.call("alice", "POST", "/v1/orders", body)
			o := read[api.Order](t, a)
			require.EqualValues(t, order.MaxTotal, o.Total)

			got := read[api.Order](t, s.call("alice", "GET", "/v1/orders/"+o.ID, ""))
			assert.Equal(t, o.Items, got.Items)
			assert.Len(t, []rune(got.Items[order.MaxItems-1].Name), order.MaxName)
		})
	}
}

// Sidecars accept gRPC messages of at most 4 MiB. Our JSON encoder needs up to six bytes per character: < is \u003c.
func TestLargestOrderFitsSidecarMessages(t *testing.T) {
	const grpcLimit = 4 << 20
	item := order.Item{SKU: strings.Repeat("<", order.MaxSKU), Name: strings.Repeat("<", order.MaxName), Quantity: order.MaxQuantity, UnitPrice: 1}
	create := order.Create{ID: "id", Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR"}
	for range order.MaxItems {
		create.Items = append(create.Items, item)
	}
	command, err := json.Marshal(create)
	require.NoError(t, err)
	// The saved state and the reply hold the order once.
	assert.Less(t, 4*len(command), grpcLimit)
}

func TestContractAndDomainHaveSameLimits(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	require.NoError(t, err)
	schema := func(name string) *openapi3.Schema { return doc.Components.Schemas[name].Value }
	items := schema("CreateOrder").Properties["items"].Value
	assert.EqualValues(t, order.MaxItems, *items.MaxItems)
	item := schema("Item").Properties
	assert.EqualValues(t, order.MaxSKU, *item["sku"].Value.MaxLength)
	assert.EqualValues(t, order.MaxName, *item["name"].Value.MaxLength)
	assert.Equal(t, order.MaxQuantity, int(*item["quantity"].Value.Max))
	assert.Equal(t, order.MaxUnitPrice, int(*item["unitPrice"].Value.Max))
	assert.EqualValues(t, order.MaxReason, *schema("Reason").MaxLength)
	assert.Contains(t, *doc.Components.Responses["TooLarge"].Value.Description, strconv.Itoa(rest.MaxBody>>10)+" KiB")
}
