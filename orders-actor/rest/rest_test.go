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

// scenario is one request and what must be, and must not be, in its answer. {id} in path and body is the id of an order
// of alice's that was made before.
type scenario struct {
	name    string
	as      string // alice and bob are customers, otto is the operator
	call    string // method and path
	body    string
	headers []string
	before  func(*server, order.Order)

	status  int
	code    string   // of the problem
	fields  []string // that the problem names
	has     []string
	hasNot  []string
	answers map[string]string // headers
	stored  int               // orders that there are more afterwards
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
	for name, value := range sc.answers {
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

func confirmed(s *server, o order.Order) { s.advance(o.ID, confirm) }
func delivered(s *server, o order.Order) { confirmed(s, o); s.advance(o.ID, deliver) }
func away(s *server, _ order.Order)      { s.breakDown(actors.ErrUnavailable) }

func TestOrders(t *testing.T) {
	const unknown = "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"
	runAll(t, []scenario{
		{
			name: "create", as: "alice", call: "POST /v1/orders", body: tea,
			status: 201, stored: 1, has: []string{`"status":"created"`, `"total":900`, `"customer":"alice"`, `"cause":"created"`},
			hasNot: []string{"deliverAt", "cancellation", "fingerprint", "auth"}, answers: map[string]string{"ETag": `"1"`},
		},
		{name: "create as operator", as: "otto", call: "POST /v1/orders", body: tea, status: 201, stored: 1, has: []string{`"by":"operator"`}},
		{
			name: "create while the actors are away", as: "alice", call: "POST /v1/orders", body: tea, before: away,
			status: 503, code: "unavailable", answers: map[string]string{"Retry-After": "2"},
		},

		{
			name: "one", as: "alice", call: "GET /v1/orders/{id}", status: 200, has: []string{`"id":"{id}"`, `"history":[{`},
			answers: map[string]string{"ETag": `"1"`, "Cache-Control": "private, no-cache"},
		},
		{
			name: "one that moved on", as: "alice", call: "GET /v1/orders/{id}", before: confirmed, status: 200,
			has: []string{`"status":"confirmed"`, `"deliverAt":`, `"payment":{"attempts":1`}, answers: map[string]string{"ETag": `"2"`},
		},
		{name: "one, id in capitals", as: "alice", call: "GET /v1/orders/{ID}", status: 200, has: []string{`"id":"{id}"`}},
		{name: "one of anybody, as operator", as: "otto", call: "GET /v1/orders/{id}", status: 200},
		{name: "one of somebody else", as: "bob", call: "GET /v1/orders/{id}", status: 404, code: "order-not-found", hasNot: []string{"alice"}},
		{name: "one that isn't", as: "alice", call: "GET /v1/orders/" + unknown, status: 404, code: "order-not-found"},
		{name: "one by a bad id", as: "alice", call: "GET /v1/orders/17", status: 400, code: "invalid-request", fields: []string{"id"}},
		{name: "one by an id in braces", as: "alice", call: "GET /v1/orders/%7B" + unknown + "%7D", status: 400, code: "invalid-request", fields: []string{"id"}},
		{
			name: "one that is known", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"1"`},
			status: 304, answers: map[string]string{"ETag": `"1"`},
		},
		{name: "one that is known among others, weakened", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"7", W/"1"`}, status: 304},
		{name: "one that was known", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `"1"`}, before: confirmed, status: 200},
		{name: "a bad If-None-Match is no match", as: "alice", call: "GET /v1/orders/{id}", headers: []string{"If-None-Match", `1`}, status: 200},

		{
			name: "status", as: "alice", call: "GET /v1/orders/{id}/status", before: confirmed, status: 200,
			has: []string{`"status":"confirmed"`, `"version":2`, `"deliverAt":`}, hasNot: []string{"items", "customer"}, answers: map[string]string{"ETag": `"2"`},
		},
		{name: "status that is known", as: "alice", call: "GET /v1/orders/{id}/status", headers: []string{"If-None-Match", `"1"`}, status: 304},
		{name: "status of somebody else", as: "bob", call: "GET /v1/orders/{id}/status", status: 404, code: "order-not-found"},

		{
			name: "cancel", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"ordered twice"}`, status: 200,
			has: []string{`"status":"cancelled"`, `"cancellation":{"by":"customer","reason":"ordered twice"}`, `"status":"voided"`, `"changed":true`}, answers: map[string]string{"ETag": `"2"`},
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
			name: "cancel again", as: "alice", call: "POST /v1/orders/{id}/cancel", status: 200, answers: map[string]string{"ETag": `"2"`},
			has:    []string{`"changed":false`},
			before: func(s *server, o order.Order) { s.call("alice", "POST", "/v1/orders/"+o.ID+"/cancel", "") },
		},
		{name: "cancel what is as it was seen", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `"1"`}, status: 200},
		{name: "cancel whatever it is", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `*`}, status: 200},
		{
			name: "cancel what has changed", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `"1"`}, before: confirmed,
			status: 412, code: "version-mismatch", has: []string{`"current":{"status":"confirmed","version":2}`}, answers: map[string]string{"ETag": `"2"`},
		},
		{
			name: "cancel by a bad tag", as: "alice", call: "POST /v1/orders/{id}/cancel", headers: []string{"If-Match", `1`},
			status: 400, code: "invalid-request", fields: []string{"If-Match"},
		},
		{
			name: "cancel too late", as: "alice", call: "POST /v1/orders/{id}/cancel", before: delivered,
			status: 409, code: "already-delivered", has: []string{`"current":{"status":"delivered","version":3}`},
		},
		{name: "cancel somebody else's", as: "bob", call: "POST /v1/orders/{id}/cancel", status: 404, code: "order-not-found", hasNot: []string{"current"}},
		{name: "cancel what isn't", as: "alice", call: "POST /v1/orders/" + unknown + "/cancel", status: 404, code: "order-not-found"},
		{
			name: "cancel with a long reason", as: "alice", call: "POST /v1/orders/{id}/cancel", body: `{"reason":"` + strings.Repeat("x", 501) + `"}`,
			status: 400, code: "invalid-request", fields: []string{"reason"},
		},
		{name: "cancel while the actors are away", as: "alice", call: "POST /v1/orders/{id}/cancel", before: away, status: 503, code: "unavailable"},

		{
			name: "bulk cancel", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":["{id}","` + unknown + `"],"reason":"sold out"}`, status: 200,
			has: []string{`"changed":true,"id":"{id}","order":{`, `"outcome":"cancelled"`, `"outcome":"not-found"`, `"code":"order-not-found"`},
		},
		{name: "bulk cancel of somebody else's", as: "bob", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, status: 200, has: []string{`"outcome":"not-found"`}},
		{
			name: "bulk cancel too late", as: "otto", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, before: delivered, status: 200,
			has: []string{`"outcome":"refused"`, `"code":"already-delivered"`},
		},
		{
			name: "bulk cancel while the actors are away", as: "otto", call: "POST /v1/orders/cancel", body: `{"ids":["{id}"]}`, before: away, status: 200,
			has: []string{`"outcome":"failed"`, `"code":"unavailable"`},
		},
		{name: "bulk cancel of none", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":[]}`, status: 400, code: "invalid-request", fields: []string{"ids"}},
		{
			name: "bulk cancel of too many", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":[` + strings.Repeat(`"x",`, 100) + `"x"]}`,
			status: 400, code: "invalid-request", fields: []string{"ids"},
		},
		{
			name: "bulk cancel of one twice", as: "alice", call: "POST /v1/orders/cancel", body: `{"ids":["{id}","{id}","nonsense"]}`,
			status: 400, code: "invalid-request", fields: []string{"ids[1]", "ids[2]"},
		},
	})
}

func TestList(t *testing.T) {
	more := func(s *server, _ order.Order) {
		s.given("bob", order.Item{SKU: "mug-1", Name: "Mug", Quantity: 1, UnitPrice: 1200})
	}
	runAll(t, []scenario{
		{name: "mine", as: "alice", call: "GET /v1/orders", before: more, status: 200, has: []string{`"id":"{id}"`, `"next":null`, `"feed":"`}, hasNot: []string{"Mug", "history"}},
		{name: "all, as operator", as: "otto", call: "GET /v1/orders?sort=-created", before: more, status: 200, has: []string{"Green tea", "Mug"}},
		{name: "of one customer, as operator", as: "otto", call: "GET /v1/orders?customer=bob", before: more, status: 200, has: []string{"Mug"}, hasNot: []string{"Green tea"}},
		{name: "of myself", as: "alice", call: "GET /v1/orders?customer=alice", before: more, status: 200, has: []string{"Green tea"}},
		{name: "of somebody else", as: "alice", call: "GET /v1/orders?customer=bob", status: 403, code: "forbidden"},
		{name: "by status", as: "alice", call: "GET /v1/orders?status=confirmed&status=created", before: confirmed, status: 200, has: []string{`"confirmed":1`, "{id}"}},
		{name: "by another status", as: "alice", call: "GET /v1/orders?status=delivered", status: 200, has: []string{`"orders":[]`}},
		{name: "by text", as: "otto", call: "GET /v1/orders?q=GREEN", before: more, status: 200, has: []string{"Green tea"}, hasNot: []string{"Mug"}},
		{
			name: "everything that is bad at once", as: "alice",
			call:   "GET /v1/orders?status=lost&q=a%00b&from=yesterday&to=2026-13-01T00:00:00Z&sort=price&limit=0&page=2&customer=a&customer=b",
			status: 400, code: "invalid-request", fields: []string{"page", "customer", "status", "q", "from", "to", "limit", "sort"},
		},
		{name: "a limit that is too high", as: "alice", call: "GET /v1/orders?limit=201", status: 400, code: "invalid-request", fields: []string{"limit"}},
		{name: "a limit that isn't a number", as: "alice", call: "GET /v1/orders?limit=ten", status: 400, code: "invalid-request", fields: []string{"limit"}},
		{name: "a text that is too long", as: "alice", call: "GET /v1/orders?q=" + strings.Repeat("x", 101), status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "a text without a letter or digit", as: "alice", call: "GET /v1/orders?q=%22...%22", status: 400, code: "invalid-request", fields: []string{"q"}, has: []string{"no letter or digit"}},
		{name: "an export of such a text", as: "alice", call: "GET /v1/orders?q=-", headers: []string{"Accept", "text/csv"}, status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "a blank text", as: "alice", call: "GET /v1/orders?q=+", before: more, status: 200, has: []string{"{id}"}},
		{name: "a text as others spell it", as: "alice", call: "GET /v1/orders?q=%22%EF%BC%A7%EF%BD%92%EF%BD%85%EF%BD%85%EF%BD%8E+t%C3%A9a,%22", before: more, status: 200, has: []string{"{id}"}},
		{name: "a text that isn't UTF-8", as: "alice", call: "GET /v1/orders?q=%ff", status: 400, code: "invalid-request", fields: []string{"q"}},
		{name: "a bad cursor", as: "alice", call: "GET /v1/orders?cursor=nonsense", status: 400, code: "invalid-request", fields: []string{"cursor"}},
		{name: "as something else", as: "alice", call: "GET /v1/orders", headers: []string{"Accept", "application/xml"}, status: 406, code: "not-acceptable"},
		{name: "as what I like best", as: "alice", call: "GET /v1/orders", headers: []string{"Accept", "application/json;q=0.5, text/csv"}, status: 200, has: []string{"id,customer,status"}},
	})
}

// TestBadCreate: each is told what is wrong with it, and nothing is stored.
func TestBadCreate(t *testing.T) {
	item := func(change string) string { return `{"items":[{` + change + `}],"currency":"EUR"}` }
	items := func(n int) string {
		return `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"sku":"a","name":"b","quantity":1,"unitPrice":1},`, n), ",") + `],"currency":"EUR"}`
	}
	deep := strings.Repeat(`[`, 20000) + strings.Repeat(`]`, 20000)
	var scenarios []scenario
	for name, c := range map[string]struct {
		body   string
		code   string
		fields []string
	}{
		"no body":             {" ", "invalid-json", nil},
		"broken JSON":         {`{"items":[`, "invalid-json", nil},
		"two bodies":          {tea + tea, "invalid-json", nil},
		"not UTF-8":           {"{\"currency\":\"\xff\"}", "invalid-json", nil},
		"a list":              {`[]`, "invalid-request", []string{"body"}},
		"null":                {`null`, "invalid-request", []string{"body"}},
		"empty":               {`{}`, "invalid-request", []string{"currency", "items"}},
		"nested very deep":    {`{"items":` + deep + `}`, "invalid-request", []string{"items[0]"}},
		"an unknown field":    {`{"items":[],"currency":"EUR","discount":10}`, "invalid-request", []string{"discount"}},
		"an unknown inside":   {item(`"sku":"a","name":"b","quantity":1,"unitPrice":1,"tax":2`), "invalid-request", []string{"items[0].tax"}},
		"a field twice":       {`{"currency":"EUR","currency":"USD","items":[]}`, "invalid-request", []string{"currency"}},
		"a field in capitals": {`{"Currency":"EUR","items":[]}`, "invalid-request", []string{"Currency"}},
		"no items":            {`{"items":[],"currency":"EUR"}`, "invalid-request", []string{"items"}},
		"items null":          {`{"items":null,"currency":"EUR"}`, "invalid-request", []string{"items"}},
		"an item null":        {`{"items":[null],"currency":"EUR"}`, "invalid-request", []string{"items[0]"}},
		"101 items":           {items(101), "invalid-request", []string{"items"}},
		"no currency":         {`{"items":[]}`, "invalid-request", []string{"currency"}},
		"an unknown currency": {strings.Replace(tea, "EUR", "XXX", 1), "invalid-request", []string{"currency"}},
		"a number as text":    {strings.Replace(tea, "450", `"450"`, 1), "invalid-request", []string{"items[0].unitPrice"}},
		"a fraction":          {strings.Replace(tea, "450", "4.5", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"a huge number":       {strings.Replace(tea, "450", "1e400", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"no price":            {item(`"sku":"a","name":"b","quantity":1`), "invalid-request", []string{"items[0].unitPrice"}},
		"a negative price":    {strings.Replace(tea, "450", "-1", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"a price too high":    {strings.Replace(tea, "450", "100000001", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"quantity 0":          {strings.Replace(tea, `"quantity":2`, `"quantity":0`, 1), "invalid-request", []string{"items[0].quantity"}},
		"quantity 1001":       {strings.Replace(tea, `"quantity":2`, `"quantity":1001`, 1), "invalid-request", []string{"items[0].quantity"}},
		"too dear in all":     {strings.Replace(strings.Replace(tea, `"quantity":2`, `"quantity":1000`, 1), "450", "100000000", 1), "invalid-request", []string{"items"}},
		"a blank sku":         {strings.Replace(tea, "tea-1", " ", 1), "invalid-request", []string{"items[0].sku"}},
		"a NUL in a name":     {strings.Replace(tea, "Green", `\u0000`, 1), "invalid-request", []string{"items[0].name"}},
		"a name too long":     {strings.Replace(tea, "Green", strings.Repeat("x", 201), 1), "invalid-request", []string{"items[0].name"}},
		"several at once":     {item(`"sku":"","name":"","quantity":0,"unitPrice":-1`), "invalid-request", []string{"items[0].sku", "items[0].name", "items[0].quantity", "items[0].unitPrice"}},
	} {
		scenarios = append(scenarios, scenario{name: name, as: "alice", call: "POST /v1/orders", body: c.body, status: 400, code: c.code, fields: c.fields})
	}
	runAll(t, append(scenarios,
		scenario{name: "a body that is too large", as: "alice", call: "POST /v1/orders", body: strings.Repeat(" ", rest.MaxBody+1), status: 413, code: "too-large"},
		scenario{name: "a form", as: "alice", call: "POST /v1/orders", body: "a=b", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "no content type", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Type", ""}, status: 415, code: "unsupported-media-type"},
		scenario{name: "a packed body", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "a body packed after identity", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "identity, br"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "a body in identity encoding", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "Identity"}, status: 201, stored: 1},
		scenario{name: "a byte order mark before the body", as: "alice", call: "POST /v1/orders", body: "\ufeff" + tea, status: 201, stored: 1},
		scenario{name: "a byte order mark and no body", as: "alice", call: "POST /v1/orders", body: "\ufeff", status: 400, code: "invalid-json"},
		scenario{name: "two byte order marks", as: "alice", call: "POST /v1/orders", body: "\ufeff\ufeff" + tea, status: 400, code: "invalid-json"},
		scenario{name: "a content type with charset", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Type", "application/json; charset=utf-8"}, status: 201, stored: 1},
		scenario{name: "a key with blanks", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Idempotency-Key", "a b"}, status: 400, code: "invalid-request", fields: []string{"Idempotency-Key"}},
		scenario{name: "a key too long", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Idempotency-Key", strings.Repeat("k", 201)}, status: 400, code: "invalid-request", fields: []string{"Idempotency-Key"}},
		scenario{name: "wants XML back", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Accept", "text/xml"}, status: 406, code: "not-acceptable"},
	))
}

func TestSignIn(t *testing.T) {
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
			{name: call + " without a token", call: call, status: 401, code: "unauthenticated", answers: map[string]string{"WWW-Authenticate": `Bearer realm="orders"`}},
			{name: call + " by password", call: call, headers: []string{"Authorization", "Basic YTpi"}, status: 401, code: "unauthenticated"},
			{name: call + " with an empty token", call: call, headers: []string{"Authorization", "Bearer "}, status: 401, code: "unauthenticated"},
			{
				name: call + " with an expired token", call: call, headers: forged(jwt.SigningMethodHS256, tokenKey, -2*time.Minute), status: 401, code: "unauthenticated",
				has: []string{"has expired"}, answers: map[string]string{"WWW-Authenticate": `Bearer realm="orders", error="invalid_token"`},
			},
			{name: call + " with a token of another key", call: call, headers: forged(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), time.Hour), status: 401, code: "unauthenticated", hasNot: []string{"signature"}},
			{name: call + " with alg=none", call: call, headers: forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, time.Hour), status: 401, code: "unauthenticated"},
		})
	}
	runAll(t, []scenario{
		{name: "a dev token", call: "POST /v1/dev/token", body: `{"user":"alice","role":"customer"}`, status: 200, has: []string{`"token":"ey`, `"expiresAt":"`}},
		{name: "a dev token for nobody", call: "POST /v1/dev/token", body: `{"user":"","role":"customer"}`, status: 400, code: "invalid-request", fields: []string{"user"}},
		{name: "a dev token for a strange name", call: "POST /v1/dev/token", body: `{"user":"<b>","role":"customer"}`, status: 400, code: "invalid-request", fields: []string{"user"}},
		{name: "a dev token for a strange role", call: "POST /v1/dev/token", body: `{"user":"alice","role":"root"}`, status: 400, code: "invalid-request", fields: []string{"role"}},
		{name: "who a customer is", as: "alice", call: "GET /v1/session", status: 200, has: []string{`{"role":"customer","user":"alice"}`}},
		{name: "who an operator is", as: "otto", call: "GET /v1/session", status: 200, has: []string{`{"role":"operator","user":"otto"}`}},
		{name: "who somebody is, in XML", as: "alice", call: "GET /v1/session", headers: []string{"Accept", "text/xml"}, status: 406, code: "not-acceptable"},
		{name: "who somebody else is", as: "alice", call: "POST /v1/session", status: 405, code: "method-not-allowed", answers: map[string]string{"Allow": "GET, HEAD"}},
		{name: "how to sign in", call: "GET /v1/session/config", status: 200, has: []string{`{"authMode":"dev"}`}},
	})
}

func TestEdges(t *testing.T) {
	runAll(t, []scenario{
		{name: "an unknown path", call: "GET /v1/nothing", status: 404, code: "not-found"},
		{name: "an unknown path, posted to", call: "POST /v1/nothing", status: 404, code: "not-found"},
		{name: "an unknown method", call: "DELETE /v1/orders", status: 405, code: "method-not-allowed", answers: map[string]string{"Allow": "GET, HEAD, POST"}},
		{name: "a post to the feed", call: "POST /v1/orders/events", status: 405, code: "method-not-allowed", answers: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a look at what is to be posted to", call: "GET /v1/orders/cancel", status: 405, code: "method-not-allowed", answers: map[string]string{"Allow": "POST"}},
		{name: "a put of an order", call: "PUT /v1/orders/{id}", status: 405, code: "method-not-allowed", answers: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a post to a probe", call: "POST /livez", status: 405, code: "method-not-allowed"},
		{name: "a body that is too large from nobody", call: "POST /v1/orders", body: strings.Repeat(" ", rest.MaxBody+1), status: 413, code: "too-large"},
		{name: "my own request id", as: "alice", call: "GET /v1/orders", headers: []string{"X-Request-Id", "mine-1"}, status: 200, answers: map[string]string{"X-Request-Id": "mine-1"}},
		{name: "no other origin", as: "alice", call: "GET /v1/orders", headers: []string{"Origin", "https://example.com"}, status: 200, answers: map[string]string{"Access-Control-Allow-Origin": ""}},
		{name: "alive", call: "GET /livez", status: 200},
		{name: "ready", call: "GET /readyz", status: 200},
		{name: "healthy", call: "GET /healthz", status: 200},
		{name: "metrics are not served with the API", call: "GET /metrics", status: 404, code: "not-found"},
		{name: "the contract", call: "GET /openapi.yaml", status: 200, has: []string{"operationId: createOrder"}},
		{name: "the docs", call: "GET /docs", status: 200, has: []string{`id="createOrder"`, `id="idempotency-key-reused"`, "Idempotency-Replayed", `id="schema-Order"`}, hasNot: []string{"<script", "http://", "<no value>"}},
	})
}

func TestIdempotency(t *testing.T) {
	s := start(t)
	create := func(user, key, body string) answer {
		return s.call(user, "POST", "/v1/orders", body, "Idempotency-Key", key)
	}
	first := create("alice", "k1", tea)
	require.Equal(t, 201, first.StatusCode)
	assert.Empty(t, first.Header.Get("Idempotency-Replayed"))
	o := read[api.Order](t, first)
	assert.Equal(t, "/v1/orders/"+o.ID, first.Header.Get("Location"))

	s.advance(o.ID, confirm)
	again := create("alice", "k1", strings.ReplaceAll(tea, ",", " ,\n"))
	require.Equal(t, 201, again.StatusCode)
	assert.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	assert.EqualValues(t, "confirmed", read[api.Order](t, again).Status, "the order as it is now")

	other := create("alice", "k1", strings.Replace(tea, "450", "451", 1))
	assert.EqualValues(t, "idempotency-key-reused", other.problem(t).Code)
	bad := create("alice", "k2", `{"items":[],"currency":"EUR"}`)
	assert.Equal(t, 400, bad.StatusCode)
	assert.Equal(t, 201, create("alice", "k2", tea).StatusCode, "a bad body takes no key")
	assert.Equal(t, 201, create("bob", "k1", tea).StatusCode, "keys belong to the user")
	assert.Equal(t, 201, create("alice", "k3", tea).StatusCode)
	require.NoError(t, s.db.Prune(t.Context(), time.Now().Add(1000*time.Hour)))
	assert.Equal(t, o.ID, read[api.Order](t, create("alice", "k1", tea)).ID, "one key is one order for good")
	assert.Equal(t, 4, s.stored())
}

// A create that failed on its way is done by the repeat, under the same key.
func TestIdempotencyAfterAFault(t *testing.T) {
	s := start(t)
	s.breakDown(actors.ErrUnavailable)
	require.Equal(t, 503, s.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k").StatusCode)
	s.breakDown(nil)
	a := s.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k")
	require.Equal(t, 201, a.StatusCode)
	assert.Empty(t, a.Header.Get("Idempotency-Replayed"), "it is made only now")
	assert.Equal(t, 1, s.stored())
}

func TestTimesOfTheList(t *testing.T) {
	s := start(t)
	s.given("alice")
	const all, none = 1, 0
	for query, want := range map[string]int{
		"from=2026-01-01T00:00:00Z":                                    all,
		"from=2026-01-01t00:00:00z":                                    all,
		"from=2026-01-01T00:00:00.123456789%2B14:00":                   all,
		"from=0001-01-01T00:00:00Z":                                    all,
		"from=0000-01-01T00:00:00%2B23:59":                             all,
		"from=1969-12-31T23:59:59-00:00":                               all,
		"from=2016-12-31T23:59:60Z":                                    all,
		"to=9999-12-31T23:59:59-23:59":                                 all,
		"to=0001-01-01T00:00:00Z":                                      none,
		"to=0000-01-01T00:00:00Z":                                      none,
		"to=1969-12-31T23:59:59Z":                                      none,
		"to=2016-12-31t23:59:60.5z":                                    none,
		"from=9999-12-31T23:59:59Z":                                    none,
		"from=0001-01-01T00:00:00Z&to=2016-01-01T00:00:00Z&sort=total": none,
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

func TestPages(t *testing.T) {
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
			require.False(t, got[o.ID], "twice")
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

func TestHead(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	res, err := http.DefaultClient.Do(s.request("alice", "HEAD", "/v1/orders/"+o.ID, ""))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, 200, res.StatusCode)
	assert.Equal(t, `"1"`, res.Header.Get("ETag"))
}

func TestGeneratedRequests(t *testing.T) {
	s := start(t)
	at := contract.Target{URL: s.url, Tokens: []string{s.token("alice"), s.token("otto")}, Orders: []string{s.given("alice").ID, s.given("bob").ID}}
	s.advance(at.Orders[1], confirm)
	s.advance(at.Orders[1], deliver)
	rapid.Check(t, func(rt *rapid.T) { contract.Fuzz(rt, at) })
}
