package orderactor_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

func TestRefusedFieldsStopANewOrderButNoReplay(t *testing.T) {
	w := newWorld()
	refused := tea
	refused.Refused = []order.FieldError{{Field: "items[0].unitPrice", Message: "must be 500, as in the catalogue"}}
	var invalid *order.Invalid
	_, err := w.activate().Create(t.Context(), refused)
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, refused.Refused, invalid.Fields)
	assert.Nil(t, w.stored)

	first, err := w.activate().Create(t.Context(), tea)
	require.NoError(t, err)
	again, err := w.activate().Create(t.Context(), refused)
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, first.Order.ID, again.Order.ID)
}

// invoker replies with what a replica does.
type invoker func(method string, command any) ([]byte, error)

func (i invoker) Invoke(_ context.Context, _, method string, command any) ([]byte, error) {
	return i(method, command)
}

func TestCreateForACustomerNeedsAReplicaThatKnowsIt(t *testing.T) {
	refusal := `{"refusal":{"code":"forbidden","detail":"there is no such command"}}`
	plain, forCustomer, refused := tea, tea, tea
	forCustomer.Customer = "bob"
	refused.Refused = []order.FieldError{{Field: "items[0].sku"}}
	for name, test := range map[string]struct {
		create order.Create
		method string
	}{"for a customer": {forCustomer, "create-for"}, "refused": {refused, "create-for"}, "plain": {plain, "create"}} {
		var methods []string
		c := &orderactor.Client{Invoker: invoker(func(method string, _ any) ([]byte, error) {
			methods = append(methods, method)
			return []byte(refusal), nil
		})}
		_, _, err := c.Create(t.Context(), test.create)
		assert.Equal(t, []string{test.method}, methods, name)
		if test.method == "create-for" {
			require.ErrorIs(t, err, actors.ErrUnavailable, "%s: an earlier release would create another order", name)
		}
	}
	olga := tea
	olga.Auth, olga.Customer = order.Auth{User: "olga", Role: "operator"}, "bob"
	created := send(t, hosted(newWorld(), id), id, "create-for", olga)
	require.NotNil(t, created.Order)
	assert.Equal(t, "bob", created.Order.Customer)
	refusedBy := send(t, hosted(newWorld(), id), id, "create-for", forCustomer)
	require.NotNil(t, refusedBy.Refusal)
	assert.Equal(t, order.NotForOthers(), refusedBy.Refusal)
}
