package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/catalogue"
	"orders/orders-actor/rest"
)

// forCustomer returns the body of tea for a customer.
func forCustomer(customer string) string {
	return strings.Replace(tea, `{"items"`, `{"customer":"`+customer+`","items"`, 1)
}

func enforce(c *catalogue.Catalogue) func(*rest.Options) {
	return func(o *rest.Options) { o.Catalogue, o.EnforceCatalogue = c, true }
}

func TestCatalogueHasAnETag(t *testing.T) {
	s := start(t)
	first := s.call("alice", "GET", "/v1/catalogue", "")
	got := read[api.Catalogue](t, first)
	assert.False(t, got.Enforced)
	require.Len(t, got.Items, len(catalogue.Default().Items))
	assert.Equal(t, api.CatalogueItem{Sku: "tea-1", Name: "Green tea", Prices: catalogue.Default().Items[0].Prices}, got.Items[0])
	tag := first.Header.Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"1", ` + tag, "*"} {
		again := s.call("bob", "GET", "/v1/catalogue", "", "If-None-Match", known)
		assert.Equal(t, http.StatusNotModified, again.StatusCode, known)
		assert.Equal(t, tag, again.Header.Get("ETag"))
	}
	assert.Equal(t, http.StatusOK, s.call("alice", "GET", "/v1/catalogue", "", "If-None-Match", `"1"`).StatusCode)
	assert.Equal(t, http.StatusUnauthorized, s.call("", "GET", "/v1/catalogue", "").StatusCode)

	enforced := start(t, enforce(catalogue.Default())).call("alice", "GET", "/v1/catalogue", "")
	assert.True(t, read[api.Catalogue](t, enforced).Enforced)
	assert.NotEqual(t, tag, enforced.Header.Get("ETag"))
}

func TestOperatorCreatesForACustomer(t *testing.T) {
	s := start(t)
	create := func(user, key, body string) answer {
		return s.call(user, "POST", "/v1/orders", body, "Idempotency-Key", key)
	}
	first := create("otto", "k1", forCustomer("alice"))
	o := read[api.Order](t, first)
	assert.Equal(t, "alice", o.Customer)
	assert.Equal(t, api.PartyOperator, o.History[0].By)
	assert.Equal(t, "otto", o.History[0].User)

	again := create("otto", "k1", forCustomer("alice"))
	assert.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, o.ID, read[api.Order](t, again).ID)
	for name, body := range map[string]string{"another customer": forCustomer("bob"), "no customer": tea, "themselves": forCustomer("otto")} {
		assert.EqualValues(t, "idempotency-key-reused", create("otto", "k1", body).problem(t).Code, name)
	}
	own := read[api.Order](t, create("alice", "k1", tea))
	assert.NotEqual(t, o.ID, own.ID, "keys belong to the caller")

	seen := read[api.Order](t, s.call("alice", "GET", "/v1/orders/"+o.ID, ""))
	assert.Equal(t, api.PartyOperator, seen.History[0].By)
	assert.Empty(t, seen.History[0].User, "customers do not see which operator it was")
	assert.Len(t, read[api.OrderList](t, s.call("alice", "GET", "/v1/orders", "")).Orders, 2)
	assert.Equal(t, http.StatusNotFound, s.call("bob", "GET", "/v1/orders/"+o.ID, "").StatusCode)
	assert.Empty(t, read[api.OrderList](t, s.call("otto", "GET", "/v1/orders?customer=otto", "")).Orders)
	assert.Equal(t, api.StatusCancelled, read[api.CancelledOrder](t, s.call("alice", "POST", "/v1/orders/"+o.ID+"/cancel", "")).Status)
}

func TestCustomersNameOnlyThemselves(t *testing.T) {
	s := start(t)
	refused := s.call("alice", "POST", "/v1/orders", forCustomer("bob")).problem(t)
	assert.EqualValues(t, "forbidden", refused.Code)
	assert.Equal(t, "only an operator may create an order for another customer", refused.Detail)
	assert.Zero(t, s.stored())

	own := s.call("alice", "POST", "/v1/orders", forCustomer("alice"), "Idempotency-Key", "k1")
	again := s.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k1")
	assert.Equal(t, read[api.Order](t, own).ID, read[api.Order](t, again).ID, "the same order as without a customer")

	for _, name := range []string{" ", `a\nb`, strings.Repeat("x", 256)} {
		bad := s.call("otto", "POST", "/v1/orders", forCustomer(name)).problem(t)
		assert.EqualValues(t, "invalid-request", bad.Code)
		assert.Equal(t, "customer", bad.Errors[0].Field)
	}
	assert.Equal(t, http.StatusCreated, s.call("otto", "POST", "/v1/orders", forCustomer(strings.Repeat("é", 255))).StatusCode)
	assert.Equal(t, "otto", read[api.Order](t, s.call("otto", "POST", "/v1/orders", forCustomer(""))).Customer, "empty: the caller's")
	assert.Equal(t, 3, s.stored())
}

func TestEnforcedCatalogueRefusesOtherItemsOfCustomers(t *testing.T) {
	fields := func(a answer) (fields []string) {
		for _, f := range a.problem(t).Errors {
			fields = append(fields, f.Field)
		}
		return fields
	}
	open, enforced := start(t), start(t, enforce(catalogue.Default()))
	for name, test := range map[string]struct {
		body   string
		fields []string
	}{
		"as in the catalogue":       {tea, nil},
		"unknown sku":               {strings.Replace(tea, "tea-1", "tea-9", 1), []string{"items[0].sku"}},
		"another name":              {strings.Replace(tea, "Green tea", "Black tea", 1), []string{"items[0].name"}},
		"another price":             {strings.Replace(tea, "450", "1", 1), []string{"items[0].unitPrice"}},
		"price of another currency": {strings.Replace(tea, "EUR", "JPY", 1), []string{"items[0].unitPrice"}},
		"name and price":            {strings.Replace(strings.Replace(tea, "450", "0", 1), "Green tea", "Tea", 1), []string{"items[0].name", "items[0].unitPrice"}},
	} {
		assert.Equal(t, http.StatusCreated, open.call("alice", "POST", "/v1/orders", test.body).StatusCode, name)
		assert.Equal(t, http.StatusCreated, enforced.call("otto", "POST", "/v1/orders", test.body).StatusCode, "%s: operators may", name)
		a := enforced.call("alice", "POST", "/v1/orders", test.body)
		if test.fields == nil {
			assert.Equal(t, http.StatusCreated, a.StatusCode, name)
			continue
		}
		assert.Equal(t, http.StatusBadRequest, a.StatusCode, name)
		assert.Equal(t, test.fields, fields(a), name)
	}
}

// A client that lost the reply repeats its create. It must get its order, whatever the catalogue says by then.
func TestReplayIsAnsweredAfterAChangeOfTheCatalogue(t *testing.T) {
	before := start(t, enforce(catalogue.Default()))
	create := func(s *server, body string) answer {
		return s.call("alice", "POST", "/v1/orders", body, "Idempotency-Key", "k1")
	}
	id := read[api.Order](t, create(before, tea)).ID

	dearer, err := catalogue.Parse([]byte(`{"items":[{"sku":"tea-1","name":"Green tea","prices":{"EUR":500}}]}`))
	require.NoError(t, err)
	after := start(t, enforce(dearer), func(o *rest.Options) { o.Commands, o.Reads = before.turns, before.db })
	again := create(after, tea)
	assert.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, id, read[api.Order](t, again).ID)
	assert.EqualValues(t, "idempotency-key-reused", create(after, strings.Replace(tea, "450", "500", 1)).problem(t).Code)
	assert.EqualValues(t, "invalid-request", after.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k2").problem(t).Code)
	assert.Equal(t, 1, before.stored())
}
