package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/api"
	"orders/api/client"
	"orders/api/contract"
)

// Each request is rejected with a problem that names the cause, and nothing is stored.
func TestBadInputIsRejected(t *testing.T) {
	c := customer(t)
	const tea = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`
	item := func(fields string) string { return `{"items":[{` + fields + `}],"currency":"EUR"}` }
	many := strings.TrimSuffix(strings.Repeat(`{"sku":"a","name":"a","quantity":1,"unitPrice":1},`, 101), ",")
	costly := strings.TrimSuffix(strings.Repeat(`{"sku":"a","name":"a","quantity":1000,"unitPrice":100000000},`, 100), ",")
	for name, of := range map[string]struct {
		method, path, body string
		status             int
		code, field        string
	}{
		"no body":          {body: "", status: 400, code: "invalid-json"},
		"broken JSON":      {body: `{"items":`, status: 400, code: "invalid-json"},
		"two bodies":       {body: tea + tea, status: 400, code: "invalid-json"},
		"unknown field":    {body: `{"items":[],"currency":"EUR","status":"delivered"}`, status: 400, code: "invalid-request", field: "status"},
		"unknown in item":  {body: item(`"sku":"a","name":"a","quantity":1,"unitPrice":1,"discount":1`), status: 400, code: "invalid-request", field: "items[0].discount"},
		"wrong type":       {body: item(`"sku":1,"name":"a","quantity":1,"unitPrice":1`), status: 400, code: "invalid-request", field: "items[0].sku"},
		"no items":         {body: `{"items":[],"currency":"EUR"}`, status: 400, code: "invalid-request", field: "items"},
		"no items at all":  {body: `{"currency":"EUR"}`, status: 400, code: "invalid-request", field: "items"},
		"101 items":        {body: `{"items":[` + many + `],"currency":"EUR"}`, status: 400, code: "invalid-request", field: "items"},
		"quantity 0":       {body: item(`"sku":"a","name":"a","quantity":0,"unitPrice":1`), status: 400, code: "invalid-request", field: "items[0].quantity"},
		"half a quantity":  {body: item(`"sku":"a","name":"a","quantity":0.5,"unitPrice":1`), status: 400, code: "invalid-request", field: "items[0].quantity"},
		"negative price":   {body: item(`"sku":"a","name":"a","quantity":1,"unitPrice":-1`), status: 400, code: "invalid-request", field: "items[0].unitPrice"},
		"huge price":       {body: item(`"sku":"a","name":"a","quantity":1,"unitPrice":9223372036854775807`), status: 400, code: "invalid-request", field: "items[0].unitPrice"},
		"price beyond int": {body: item(`"sku":"a","name":"a","quantity":1,"unitPrice":1e30`), status: 400, code: "invalid-request", field: "items[0].unitPrice"},
		"total overflow":   {body: `{"items":[` + costly + `],"currency":"EUR"}`, status: 400, code: "invalid-request", field: "items"},
		"unknown currency": {body: strings.Replace(tea, "EUR", "XXX", 1), status: 400, code: "invalid-request", field: "currency"},
		"control char":     {body: item(`"sku":"a\u0000","name":"a","quantity":1,"unitPrice":1`), status: 400, code: "invalid-request", field: "items[0].sku"},
		"over 448 KiB":     {body: item(`"sku":"a","name":"` + strings.Repeat("a", 448<<10) + `","quantity":1,"unitPrice":1`), status: 413, code: "too-large"},

		"bad id":           {method: "GET", path: "/v1/orders/not-an-id", status: 400, code: "invalid-request", field: "id"},
		"unknown id":       {method: "GET", path: "/v1/orders/01939b6e-0000-7000-8000-000000000000", status: 404, code: "order-not-found"},
		"cancel a bad id":  {method: "POST", path: "/v1/orders/not-an-id/cancel", status: 400, code: "invalid-request", field: "id"},
		"bad cursor":       {method: "GET", path: "/v1/orders?cursor=nonsense", status: 400, code: "invalid-request", field: "cursor"},
		"bad feed cursor":  {method: "GET", path: "/v1/orders/events?after=nonsense", status: 410, code: "cursor-expired"},
		"bad status":       {method: "GET", path: "/v1/orders?status=lost", status: 400, code: "invalid-request", field: "status"},
		"bad limit":        {method: "GET", path: "/v1/orders?limit=1000000", status: 400, code: "invalid-request", field: "limit"},
		"unknown call":     {method: "GET", path: "/v1/nothing", status: 404, code: "not-found"},
		"unknown method":   {method: "PUT", path: "/v1/orders", body: tea, status: 405, code: "method-not-allowed"},
		"cancel, reason 1": {method: "POST", path: "/v1/orders/01939b6e-0000-7000-8000-000000000000/cancel", body: `{"reason":1}`, status: 400, code: "invalid-request", field: "reason"},
	} {
		t.Run(name, func(t *testing.T) {
			if of.method == "" {
				of.method, of.path = http.MethodPost, "/v1/orders"
			}
			req := c.request(t, of.method, of.path, of.body)
			if of.method == http.MethodPost {
				req.Header.Set("Content-Type", "application/json")
			}
			got := read(t)(checked(t).Do(req))
			assert.Equal(t, "application/problem+json", strings.Split(got.Header.Get("Content-Type"), ";")[0])
			p := parse[api.Problem](t, got.Body)
			assert.Equal(t, of.status, got.Status)
			assert.Equal(t, of.status, p.Status)
			assert.Equal(t, of.code, string(p.Code))
			assert.NotEmpty(t, p.Title)
			var fields []string
			for _, e := range p.Errors {
				assert.NotEmpty(t, e.Message)
				fields = append(fields, e.Field)
			}
			if of.field != "" {
				assert.Contains(t, fields, of.field)
			}
		})
	}
	assert.Empty(t, c.list(t), "nothing may be stored")
}

// The largest order that the contract allows, in its longest JSON form, fits through REST, sidecars, state store and payment.
func TestLargestOrderIsProcessed(t *testing.T) {
	c := customer(t)
	text := func(n int) string { return `"` + strings.Repeat(`\ud83d\ude00`, n) + `"` }
	item := fmt.Sprintf(`{"sku":%s,"name":%s,"quantity":1000,"unitPrice":100000}`, text(64), text(200))
	body := `{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", 100), ",") + `],"currency":"JPY"}`
	got := read(t)(c.CreateOrderWithBody(t.Context(), nil, "application/json", strings.NewReader(body)))
	require.Equal(t, http.StatusCreated, got.Status, "%.200s", got.Body)
	o := c.await(t, parse[api.Order](t, got.Body).ID, "final", final)
	require.EqualValues(t, 10_000_000_000, o.Total)
}

func TestBadTokensAreRejected(t *testing.T) {
	good := customer(t)
	claims := func() jwt.MapClaims {
		var c jwt.MapClaims
		_, _, err := jwt.NewParser().ParseUnverified(good.token, &c)
		require.NoError(t, err)
		return c
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	key := secret(t, "orders-actor", "dev-token-key")
	expired := claims()
	expired["exp"] = time.Now().Add(-time.Hour).Unix()
	otherAudience := claims()
	otherAudience["aud"] = "payments-svc"
	as(t, good.base, sign(jwt.SigningMethodHS256, key, claims())).list(t) // precondition: the signing key is the service's key

	for name, token := range map[string]string{
		"missing":         "",
		"not a token":     "nonsense",
		"expired":         sign(jwt.SigningMethodHS256, key, expired),
		"wrongly signed":  sign(jwt.SigningMethodHS256, []byte(strings.Repeat("k", 32)), claims()),
		"alg none":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims()),
		"another alg":     sign(jwt.SigningMethodHS512, key, claims()),
		"another service": sign(jwt.SigningMethodHS256, key, otherAudience),
	} {
		t.Run(name, func(t *testing.T) {
			c := as(t, good.base, token)
			for _, got := range []client.Reply{
				c.create(t), read(t)(c.ListOrders(t.Context(), nil)), read(t)(c.FollowOrders(t.Context(), nil)),
			} {
				assert.Equal(t, http.StatusUnauthorized, got.Status, got.Request)
				assert.Equal(t, api.ProblemCodeUnauthenticated, got.Code(), got.Request)
			}
		})
	}
	assert.Empty(t, good.list(t), "nothing may be stored")
}

func TestOrdersOfOtherCustomersAreNotFound(t *testing.T) {
	owner := customer(t)
	o := owner.created(t)
	other := login(t, shared.URL(), "another-customer", api.RoleCustomer)
	for _, got := range []client.Reply{
		read(t)(other.GetOrder(t.Context(), o.ID, nil)), read(t)(other.GetOrderStatus(t.Context(), o.ID, nil)), other.cancel(t, o.ID),
	} {
		assert.Equal(t, http.StatusNotFound, got.Status, got.Request)
		assert.Equal(t, api.ProblemCodeOrderNotFound, got.Code(), got.Request)
	}
	for _, listed := range other.list(t) {
		assert.NotEqual(t, o.ID, listed.ID)
	}
	operator := login(t, shared.URL(), "an-operator", api.RoleOperator)
	assert.Equal(t, o.ID, operator.get(t, o.ID).ID, "an operator sees all")
}

// It sends generated valid and invalid requests about orders in every status: at least one order is delivered, and each round
// adds an order, whose status changes while the requests are sent.
func TestGeneratedRequestsConformToContract(t *testing.T) {
	c, operator := customer(t), login(t, shared.URL(), "an-operator", api.RoleOperator)
	at := contract.Target{URL: shared.URL(), Tokens: []string{c.token, operator.token}}
	create := func() string {
		id := c.created(t).ID
		at.Orders = append(at.Orders, id)
		return id
	}
	await(t, "an order is delivered", func() bool {
		return c.await(t, create(), "final", final).Status == api.StatusDelivered
	})
	for range 10 {
		create()
		rapid.Check(t, func(rt *rapid.T) { contract.Fuzz(rt, at) })
	}
}
