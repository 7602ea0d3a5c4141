package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/api"
	"orders/api/contract"
	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/rest"
)

// scenario is one request and its expected response. {id} in path and body is the id of an existing order of alice.
type scenario struct {
	name    string
	as      string // alice and bob are customers, otto is the operator
	call    string // method and path
	body    string
	headers []string
	before  func(*server, order.Order)

	status int
	code   string   // of the expected problem
	fields []string // named by the problem
	has    []string // parts of the body
	hasNot []string
	sets   map[string]string // response headers
	stored int               // number of orders created
}

func (sc scenario) run(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	if sc.before != nil {
		sc.before(s, o)
	}
	had := s.stored()
	fill := strings.NewReplacer("{id}", o.ID, "{ID}", strings.ToUpper(o.ID)).Replace
	method, path, _ := strings.Cut(fill(sc.call), " ")
	a := s.call(sc.as, method, path, fill(sc.body), sc.headers...)

	require.Equal(t, sc.status, a.StatusCode, "%s", a.body)
	if sc.code != "" {
		p := a.problem(t)
		assert.EqualValues(t, sc.code, p.Code)
		var fields []string
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		assert.Equal(t, sc.fields, fields)
	}
	for _, text := range sc.has {
		assert.Contains(t, string(a.body), fill(text))
	}
	for _, text := range sc.hasNot {
		assert.NotContains(t, string(a.body), text)
	}
	for name, value := range sc.sets {
		assert.Equal(t, value, a.Header.Get(name), name)
	}
	assert.Equal(t, had+sc.stored, s.stored(), "orders stored")
	assert.NotEmpty(t, a.Header.Get("X-Request-Id"))
	assert.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
}

func runAll(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, sc.run)
	}
}

func confirmed(s *server, o order.Order)   { s.advance(o.ID, confirm) }
func delivered(s *server, o order.Order)   { confirmed(s, o); s.advance(o.ID, deliver) }
func unavailable(s *server, _ order.Order) { s.failCommands(actors.ErrUnavailable) }

func TestOrderOperations(t *testing.T) {
	const unknown = "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"
	runAll(t, []scenario{
		{
			name: "create", as: "alice", call: "POST /v1/orders", body: tea,
			status: 201, stored: 1, has: []string{`"status":"created"`, `"total":900`, `"customer":"alice"`, `"cause":"created"`},
			hasNot: []string{"deliverAt", "cancellation", "fingerprint", "auth"}, sets: map[string]string{"ETag": `"1"`},
		},
		{name: "create as operator", as: "otto", call: "POST /v1/orders", body: tea, status: 201, stored: 1, has: []string{`"by":"operator"`}},
		{
			name: "create while actors are unavailable", as: "alice", call: "POST /v1/orders", body: tea, before: unavailable,
			status: 503, code: "unavailable", sets: map[string]string{"Retry-After": "2"},
		},

		{
			name: "get", as: "alice", call: "GET /v1/orders/{id}", status: 200, has: []string{`"id":"{id}"`, `"history":[{`},
			sets: map[string]string{"ETag": `"1"`, "Cache-Control": "private, no-cache"},
		},
		{
			name: "get a confirmed order", as: "alice", call: "GET /v1/orders/{id}", before: confirmed, status: 200,
			has: []string{`"status":"confirmed"`, `"deliverAt":`, `"payment":{"attempts":1`}, sets: map[string]string{"ETag": `"2"`},
		},
		{name: "get by an id in capitals", as: "alice", call: "GET /v1/orders/{ID}", status: 200, has: []string{`"id":"{id}"`}},
		{name: "get as operator", as: "otto", call: "GET /v1/orders/{id}", status: 200},
		{name: "get another customer's order", as: "bob", call: "GET /v1/orders/{id}", status: 404, code: "order-not-found", hasNot: []string{"alice"}},
		{name: "get an unknown order", as: "alice", call: "GET /v1/orders/" + unknown, status: 404, code: "order-not-found"},
		{name: "get by an invalid id", as: "alice", call: "GET /v1/orders/17", status: 400, code: "invalid-request", fields: []string{"id"}},
		{name: "get by an id in braces", as: "alice", call: "GET /v1/orders/%7B" + unknown + "%7D", status: 400, code: "invalid-request", fields: []string{"id"}},
		{
			name: "get with the current ETag", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"1"`},
			status: 304, sets: map[string]string{"ETag": `"1"`},
		},
		{name: "get with several ETags, the current one weak", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"7", W/"1"`}, status: 304},
		{name: "get with an old ETag", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"1"`}, before: confirmed, status: 200},
		{name: "get with an invalid If-None-Match", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `1`}, status: 200},

		{
			name: "status", as: "alice", call: "GET /v1/orders/{id}/status", before: confirmed, status: 200,
			has: []string{`"status":"confirmed"`, `"version":2`, `"deliverAt":`}, hasNot: []string{"items", "customer"}, sets: map[string]string{"ETag": `"2"`},
		},
		{name: "status with the current ETag", as: "alice", call: "GET /v1/orders/{id}/status", headers: []string{"If-None-Match", `"1"`}, status: 304},
		{name: "status of another customer's order", as: "bob", call: "GET /v1/orders/{id}/status", status: 404, code: "order-not-found"},

		{
			name: "cancel", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"ordered twice"}`, status: 200,
			has: []string{`"status":"cancelled"`, `"cancellation":{"by":"customer","reason":"ordered twice"}`, `"status":"voided"`, `"changed":true`}, sets: map[string]string{"ETag": `"2"`},
		},
		{
			name: "cancel with a reason of two lines", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"too late\r\nand too dear"}`,
			status: 200, has: []string{`"reason":"too late\nand too dear"`},
		},
		{
			name: "cancel with a control character in the reason", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"a\u001bb"}`,
			status: 400, code: "invalid-request", fields: []string{"reason"},
		},
		{name: "cancel without a body", as: "otto", call: "POST /v1/orders/{id}/cancel", status: 200, has: []string{`"cancellation":{"by":"operator"}`}},
		{
			name: "cancel again", as: "alice", call: "POST /v1/orders/{id}/cancel", status: 200, sets: map[string]string{"ETag": `"2"`},
			has:    []string{`"changed":false`},
			before: func(s *server, o order.Order) { s.call("alice", "POST", "/v1/orders/"+o.ID+"/cancel", "") },
		},
		{name: "cancel with the current ETag", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `"1"`}, status: 200},
		{name: "cancel with If-Match *", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `*`}, status: 200},
		{
			name: "cancel with an old ETag", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `"1"`}, before: confirmed,
			status: 412, code: "version-mismatch", has: []string{`"current":{"status":"confirmed","version":2}`}, sets: map[string]string{"ETag": `"2"`},
		},
		{
			name: "cancel with an invalid ETag", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `1`},
			status: 400, code: "invalid-request", fields: []string{"If-Match"},
		},
		{
			name: "cancel a delivered order", as: "alice", call: "POST /v1/orders/{id}/cancel", before: delivered,
			status: 409, code: "already-delivered", has: []string{`"current":{"status":"delivered","version":3}`},
		},
		{name: "cancel another customer's order", as: "bob", call: "POST /v1/orders/{id}/cancel", status: 404, code: "order-not-found", hasNot: []string{"current"}},
		{name: "cancel an unknown order", as: "alice", call: "POST /v1/orders/" + unknown + "/cancel", status: 404, code: "order-not-found"},
		{
			name: "cancel with a reason too long", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"` + strings.Repeat("x", 501) + `"}`,
			status: 400, code: "invalid-request", fields: []string{"reason"},
		},
		{name: "cancel while actors are unavailable", as: "alice", call: "POST /v1/orders/{id}/cancel", before: unavailable, status: 503, code: "unavailable"},

		{
			name: "bulk cancel", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":["{id}","` + unknown + `"],"reason":"sold out"}`, status: 200,
			has: []string{`"changed":true,"id":"{id}","order":{`, `"outcome":"cancelled"`, `"outcome":"not-found"`, `"code":"order-not-found"`},
		},
		{name: "bulk cancel of another customer's order", as: "bob", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, status: 200, has: []string{`"outcome":"not-found"`}},
		{
			name: "bulk cancel of a delivered order", as: "otto", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, before: delivered, status: 200,
			has: []string{`"outcome":"refused"`, `"code":"already-delivered"`},
		},
		{
			name: "bulk cancel while actors are unavailable", as: "otto", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, before: unavailable, status: 200,
			has: []string{`"outcome":"failed"`, `"code":"unavailable"`},
		},
		{name: "bulk cancel without ids", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":[]}`, status: 400, code: "invalid-request", fields: []string{"ids"}},
		{
			name: "bulk cancel of 101 ids", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":[` + strings.Repeat(`"x",`, 100) + `"x"]}`,
			status: 400, code: "invalid-request", fields: []string{"ids"},
		},
		{
			name: "bulk cancel of duplicate and invalid ids", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":["{id}","{id}","nonsense"]}`,
			status: 400, code: "invalid-request", fields: []string{"ids[1]", "ids[2]"},
		},
	})
}

func TestListFiltersAndValidates(t *testing.T) {
	more := func(s *server, _ order.Order) {
		s.given("bob", order.Item{SKU: "mug-1", Name: "Mug", Quantity: 1, UnitPrice: 1200})
	}
	runAll(t, []scenario{
		{name: "as customer", as: "alice", call: "GET /v1/orders", before: more, status: 200, has: []string{`"id":"{id}"`, `"next":null`, `"feed":"`}, hasNot: []string{"Mug", "history"}},
		{name: "as operator", as: "otto", call: "GET /v1/orders?sort=-created", before: more, status: 200, has: []string{"Green tea", "Mug"}},
		{name: "by customer, as operator", as: "otto", call: "GET /v1/orders?customer=bob", before: more, status: 200, has: []string{"Mug"}, hasNot: []string{"Green tea"}},
		{name: "by own name", as: "alice", call: "GET /v1/orders?customer=alice", before: more, status: 200, has: []string{"Green tea"}},
		{name: "by another customer", as: "alice", call: "GET /v1/orders?customer=bob", status: 403, code: "forbidden"},
		{name: "by status", as: "alice", call: "GET /v1/orders?status=confirmed&status=created", before: confirmed, status: 200, has: []string{`"confirmed":1`, "{id}"}},
		{name: "by a status without orders", as: "alice", call: "GET /v1/orders?status=delivered", status: 200, has: []string{`"orders":[]`}},
		{name: "by text", as: "otto", call: "GET /v1/orders?q=GREEN", before: more, status: 200, has: []string{"Green tea"}, hasNot: []string{"Mug"}},
		{
			name: "all parameters invalid", as: "alice",
			call:   "GET /v1/orders?status=lost&q=a%00b&from=yesterday&to=2026-13-01T00:00:00Z&sort=price&limit=0&page=2&customer=a&customer=b",
			status: 400, code: "invalid-request", fields: []string{"page", "customer", "q", "from", "to", "status", "limit", "sort"},
		},
		{name: "by currency", as: "alice", call: "GET /v1/orders?currency=EUR&sort=-total", status: 200, has: []string{"{id}"}},
		{name: "by another currency", as: "alice", call: "GET /v1/orders?currency=JPY", status: 200, has: []string{`"orders":[]`}},
		{name: "by total", as: "alice", call: "GET /v1/orders?currency=EUR&minTotal=900&maxTotal=900", status: 200, has: []string{"{id}"}},
		{name: "by a higher total", as: "alice", call: "GET /v1/orders?currency=EUR&minTotal=901", status: 200, has: []string{`"orders":[]`}},
		{name: "by a lower total", as: "alice", call: "GET /v1/orders?currency=EUR&maxTotal=899", status: 200, has: []string{`"orders":[]`}},
		{name: "by payment", as: "otto", call: "GET /v1/orders?payment=confirmed", before: confirmed, status: 200, has: []string{"{id}"}},
		{name: "by another payment", as: "otto", call: "GET /v1/orders?payment=pending", before: confirmed, status: 200, has: []string{`"orders":[]`, `"confirmed":0`}},
		{name: "by filters that no order has", as: "otto", call: "GET /v1/orders?payment=declined&cancelledBy=customer", status: 200, has: []string{`"orders":[]`}},
		{name: "by time of change", as: "otto", call: "GET /v1/orders?updatedFrom=2100-01-01T00:00:00Z", status: 200, has: []string{`"orders":[]`}},
		{name: "by due time", as: "otto", call: "GET /v1/orders?dueBefore=2100-01-01T00:00:00Z", before: confirmed, status: 200, has: []string{"{id}"}},
		{name: "by total without a currency", as: "otto", call: "GET /v1/orders?minTotal=1&maxTotal=2", status: 400, code: "invalid-request", fields: []string{"currency"}},
		{name: "sorted by total without a currency", as: "otto", call: "GET /v1/orders?sort=-total", status: 400, code: "invalid-request", fields: []string{"currency"}, has: []string{"sort by total"}},
		{name: "export by total without a currency", as: "otto", call: "GET /v1/orders?sort=total", headers: []string{"Accept", "text/csv"}, status: 400, code: "invalid-request", fields: []string{"currency"}},
		{name: "by no possible total", as: "otto", call: "GET /v1/orders?currency=EUR&minTotal=2&maxTotal=1", status: 400, code: "invalid-request", fields: []string{"maxTotal"}},
		{
			name: "all filters invalid", as: "otto",
			call:   "GET /v1/orders?currency=eur&minTotal=-1&maxTotal=1.5&payment=done&cancelledBy=system&updatedFrom=x&dueBefore=y",
			status: 400, code: "invalid-request", fields: []string{"updatedFrom", "dueBefore", "currency", "minTotal", "maxTotal", "payment", "cancelledBy"},
		},
		{name: "totals of a list", as: "otto", call: "GET /v1/orders?totals=true", status: 400, code: "invalid-request", fields: []string{"totals"}},
		{name: "limit too high", as: "alice", call: "GET /v1/orders?limit=201", status: 400, code: "invalid-request", fields: []string{"limit"}},
		{name: "limit not a number", as: "alice", call: "GET /v1/orders?limit=ten", status: 400, code: "invalid-request", fields: []string{"limit"}},
		{name: "text too long", as: "alice", call: "GET /v1/orders?q=" + strings.Repeat("x", 101), status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "text without a letter or digit", as: "alice", call: "GET /v1/orders?q=%22...%22", status: 400, code: "invalid-request", fields: []string{"q"}, has: []string{"no letter or digit"}},
		{name: "export by text without a letter or digit", as: "alice", call: "GET /v1/orders?q=-", headers: []string{"Accept", "text/csv"}, status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "blank text", as: "alice", call: "GET /v1/orders?q=+", before: more, status: 200, has: []string{"{id}"}},
		{name: "text in another spelling", as: "alice", call: "GET /v1/orders?q=%22%EF%BC%A7%EF%BD%92%EF%BD%85%EF%BD%85%EF%BD%8E+t%C3%A9a,%22", before: more, status: 200, has: []string{"{id}"}},
		{name: "text not in UTF-8", as: "alice", call: "GET /v1/orders?q=%ff", status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "invalid cursor", as: "alice", call: "GET /v1/orders?cursor=nonsense", status: 400, code: "invalid-request", fields: []string{"cursor"}},
		{name: "unsupported Accept", as: "alice", call: "GET /v1/orders", headers: []string{"Accept", "application/xml"}, status: 406, code: "not-acceptable"},
		{name: "preferred Accept", as: "alice", call: "GET /v1/orders", headers: []string{"Accept", "application/json;q=0.5, text/csv"}, status: 200, has: []string{"id,customer,status"}},
	})
}

func TestAuthenticationAndSession(t *testing.T) {
	forged := func(method jwt.SigningMethod, key any, expires time.Duration) []string {
		token, err := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": "orders-dev", "aud": "orders", "sub": "alice", "role": "customer", "exp": time.Now().Add(expires).Unix(),
		}).SignedString(key)
		require.NoError(t, err)
		return []string{"Authorization", "Bearer " + token}
	}
	for _, call := range []string{
		"GET /v1/orders", "POST /v1/orders", "GET /v1/orders/{id}", "GET /v1/orders/{id}/status", "POST /v1/orders/{id}/cancel",
		"POST /v1/orders/cancel", "GET /v1/orders/events", "GET /v1/session",
	} {
		runAll(t, []scenario{
			{name: call + " without a token", call: call, status: 401, code: "unauthenticated", sets: map[string]string{"WWW-Authenticate": `Bearer realm="orders"`}},
			{name: call + " with a password", call: call, headers: []string{"Authorization", "Basic YTpi"}, status: 401, code: "unauthenticated"},
			{name: call + " with an empty token", call: call, headers: []string{"Authorization", "Bearer "}, status: 401, code: "unauthenticated"},
			{
				name: call + " with an expired token", call: call, headers: forged(jwt.SigningMethodHS256, tokenKey, -2*time.Minute), status: 401, code: "unauthenticated",
				has: []string{"has expired"}, sets: map[string]string{"WWW-Authenticate": `Bearer realm="orders", error="invalid_token"`},
			},
			{name: call + " with a token signed by another key", call: call, headers: forged(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), time.Hour), status: 401, code: "unauthenticated", hasNot: []string{"signature"}},
			{name: call + " with alg=none", call: call, headers: forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, time.Hour), status: 401, code: "unauthenticated"},
		})
	}
	runAll(t, []scenario{
		{name: "dev token", call: "POST /v1/dev/token", body: `{"user":"alice","role":"customer"}`, status: 200, has: []string{`"token":"ey`, `"expiresAt":"`}},
		{name: "dev token without user", call: "POST /v1/dev/token", body: `{"user":"","role":"customer"}`, status: 400, code: "invalid-request", fields: []string{"user"}},
		{name: "dev token with an invalid user", call: "POST /v1/dev/token", body: `{"user":"<b>","role":"customer"}`, status: 400, code: "invalid-request", fields: []string{"user"}},
		{name: "dev token with an unknown role", call: "POST /v1/dev/token", body: `{"user":"alice","role":"root"}`, status: 400, code: "invalid-request", fields: []string{"role"}},
		{name: "session of a customer", as: "alice", call: "GET /v1/session", status: 200, has: []string{`{"role":"customer","user":"alice"}`}},
		{name: "session of an operator", as: "otto", call: "GET /v1/session", status: 200, has: []string{`{"role":"operator","user":"otto"}`}},
		{name: "session with unsupported Accept", as: "alice", call: "GET /v1/session", headers: []string{"Accept", "text/xml"}, status: 406, code: "not-acceptable"},
		{name: "session with POST", as: "alice", call: "POST /v1/session", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD"}},
		{name: "session config", call: "GET /v1/session/config", status: 200, has: []string{`{"authMode":"dev"}`}},
	})
}

func TestPathsAndMethods(t *testing.T) {
	runAll(t, []scenario{
		{name: "unknown path", call: "GET /v1/nothing", status: 404, code: "not-found"},
		{name: "unknown path with POST", call: "POST /v1/nothing", status: 404, code: "not-found"},
		{name: "orders with DELETE", call: "DELETE /v1/orders", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD, POST"}},
		{name: "feed with POST", call: "POST /v1/orders/events", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD"}},
		{name: "bulk cancel with GET", call: "GET /v1/orders/cancel", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "POST"}},
		{name: "order with PUT", call: "PUT /v1/orders/{id}", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD"}},
		{name: "probe with POST", call: "POST /livez", status: 405, code: "method-not-allowed"},
		{name: "body too large without a token", call: "POST /v1/orders", body: strings.Repeat(" ", rest.MaxBody+1), status: 413, code: "too-large"},
		{name: "request id of the client", as: "alice", call: "GET /v1/orders", headers: []string{"X-Request-Id", "mine-1"}, status: 200, sets: map[string]string{"X-Request-Id": "mine-1"}},
		{name: "no CORS by default", as: "alice", call: "GET /v1/orders", headers: []string{"Origin", "https://example.com"}, status: 200, sets: map[string]string{"Access-Control-Allow-Origin": ""}},
		{name: "liveness", call: "GET /livez", status: 200},
		{name: "readiness", call: "GET /readyz", status: 200},
		{name: "health", call: "GET /healthz", status: 200},
		{name: "no metrics", call: "GET /metrics", status: 404, code: "not-found"},
		{name: "contract", call: "GET /openapi.yaml", status: 200, has: []string{"operationId: createOrder"}},
		{name: "docs", call: "GET /docs", status: 200, has: []string{`id="createOrder"`, `id="idempotency-key-reused"`, "Idempotency-Replayed", `id="schema-Order"`}, hasNot: []string{"<script", "http://", "<no value>"}},
	})
}

func TestListTimesAreRFC3339(t *testing.T) {
	s := start(t)
	s.given("alice")
	const all, none = 1, 0
	for query, want := range map[string]int{
		"from=2026-01-01T00:00:00Z":                                      all,
		"from=2026-01-01t00:00:00z":                                      all,
		"from=2026-01-01T00:00:00.123456789%2B14:00":                     all,
		"from=0001-01-01T00:00:00Z":                                      all,
		"from=0000-01-01T00:00:00%2B23:59":                               all,
		"from=1969-12-31T23:59:59-00:00":                                 all,
		"from=2016-12-31T23:59:60Z":                                      all,
		"to=9999-12-31T23:59:59-23:59":                                   all,
		"to=0001-01-01T00:00:00Z":                                        none,
		"to=0000-01-01T00:00:00Z":                                        none,
		"to=1969-12-31T23:59:59Z":                                        none,
		"to=2016-12-31t23:59:60.5z":                                      none,
		"from=9999-12-31T23:59:59Z":                                      none,
		"from=0001-01-01T00:00:00Z&to=2016-01-01T00:00:00Z&sort=updated": none,
	} {
		assert.Len(t, read[api.OrderList](t, s.call("alice", "GET", "/v1/orders?"+query, "")).Orders, want, query)
	}
	const hint = "send it as %2B"
	for value, hinted := range map[string]bool{
		"2026-11-01T00:00:00+02:00":   true,
		"2026-11-01T00:00:00%2002:00": true,
		"2026-11-01+00:00:00Z":        false,
		"2026-11-01":                  false,
		"2026-11-01T00:00:00":         false,
		"2026-11-01T00:00Z":           false,
		"2026-11-01T00:00:00,5Z":      false,
		"2026-11-01T0:00:00Z":         false,
		"2026-02-30T00:00:00Z":        false,
		"2026-11-01T24:00:00Z":        false,
		"2026-11-01T00:00:61Z":        false,
		"10000-01-01T00:00:00Z":       false,
		"-2026-11-01T00:00:00Z":       false,
		"2026-11-01T00:00:00%2B2:00":  false,
		"2026-11-01T00:00:00%2B24:00": false,
		"":                            false,
	} {
		for _, name := range []string{"from", "to"} {
			a := s.call("alice", "GET", "/v1/orders?"+name+"="+value, "")
			require.Equal(t, 400, a.StatusCode, "%s=%s: %s", name, value, a.body)
			field := a.problem(t).Errors[0]
			assert.Equal(t, name, field.Field)
			assert.Contains(t, field.Message, "RFC 3339")
			assert.Equal(t, hinted, strings.Contains(field.Message, hint), "%s: %s", value, field.Message)
		}
	}
}

func TestPagesHoldEachOrderOnce(t *testing.T) {
	s := start(t)
	want := map[string]bool{}
	for range 5 {
		want[s.given("alice").ID] = true
	}
	s.given("bob")
	got := map[string]bool{}
	path := "/v1/orders?limit=2"
	for pages := 1; ; pages++ {
		list := read[api.OrderList](t, s.call("alice", "GET", path, ""))
		for _, o := range list.Orders {
			require.False(t, got[o.ID], "duplicate")
			got[o.ID] = true
		}
		if list.Next == nil {
			assert.Equal(t, 3, pages)
			break
		}
		path = "/v1/orders?limit=2&cursor=" + *list.Next
	}
	assert.Equal(t, want, got)
}

func TestHeadReturnsETag(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	res, err := http.DefaultClient.Do(s.request("alice", "HEAD", "/v1/orders/"+o.ID, ""))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, 200, res.StatusCode)
	assert.Equal(t, `"1"`, res.Header.Get("ETag"))
}

func TestGeneratedRequestsFollowContract(t *testing.T) {
	s := start(t)
	at := contract.Target{URL: s.url, Tokens: []string{s.token("alice"), s.token("otto")}, Orders: []string{s.given("alice").ID, s.given("bob").ID}}
	s.advance(at.Orders[1], confirm)
	s.advance(at.Orders[1], deliver)
	rapid.Check(t, func(rt *rapid.T) { contract.Fuzz(rt, at) })
}
