package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/actors"
	"orders/orders-actor/rest"
)

func TestInvalidCreateIsRefused(t *testing.T) {
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
		"blank body":               {" ", "invalid-json", nil},
		"broken JSON":              {`{"items":[`, "invalid-json", nil},
		"two JSON values":          {tea + tea, "invalid-json", nil},
		"not UTF-8":                {"{\"currency\":\"\xff\"}", "invalid-json", nil},
		"array":                    {`[]`, "invalid-request", []string{"body"}},
		"null":                     {`null`, "invalid-request", []string{"body"}},
		"empty":                    {`{}`, "invalid-request", []string{"currency", "items"}},
		"nested deeply":            {`{"items":` + deep + `}`, "invalid-request", []string{"items[0]"}},
		"unknown field":            {`{"items":[],"currency":"EUR","discount":10}`, "invalid-request", []string{"discount"}},
		"unknown field of an item": {item(`"sku":"a","name":"b","quantity":1,"unitPrice":1,"tax":2`), "invalid-request", []string{"items[0].tax"}},
		"duplicate field":          {`{"currency":"EUR","currency":"USD","items":[]}`, "invalid-request", []string{"currency"}},
		"field in capitals":        {`{"Currency":"EUR","items":[]}`, "invalid-request", []string{"Currency"}},
		"no items":                 {`{"items":[],"currency":"EUR"}`, "invalid-request", []string{"items"}},
		"items null":               {`{"items":null,"currency":"EUR"}`, "invalid-request", []string{"items"}},
		"item null":                {`{"items":[null],"currency":"EUR"}`, "invalid-request", []string{"items[0]"}},
		"101 items":                {items(101), "invalid-request", []string{"items"}},
		"no currency":              {`{"items":[]}`, "invalid-request", []string{"currency"}},
		"unknown currency":         {strings.Replace(tea, "EUR", "XXX", 1), "invalid-request", []string{"currency"}},
		"number as string":         {strings.Replace(tea, "450", `"450"`, 1), "invalid-request", []string{"items[0].unitPrice"}},
		"fraction":                 {strings.Replace(tea, "450", "4.5", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"huge number":              {strings.Replace(tea, "450", "1e400", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"no price":                 {item(`"sku":"a","name":"b","quantity":1`), "invalid-request", []string{"items[0].unitPrice"}},
		"negative price":           {strings.Replace(tea, "450", "-1", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"price too high":           {strings.Replace(tea, "450", "100000001", 1), "invalid-request", []string{"items[0].unitPrice"}},
		"quantity 0":               {strings.Replace(tea, `"quantity":2`, `"quantity":0`, 1), "invalid-request", []string{"items[0].quantity"}},
		"quantity 1001":            {strings.Replace(tea, `"quantity":2`, `"quantity":1001`, 1), "invalid-request", []string{"items[0].quantity"}},
		"total too high":           {strings.Replace(strings.Replace(tea, `"quantity":2`, `"quantity":1000`, 1), "450", "100000000", 1), "invalid-request", []string{"items"}},
		"blank sku":                {strings.Replace(tea, "tea-1", " ", 1), "invalid-request", []string{"items[0].sku"}},
		"NUL in a name":            {strings.Replace(tea, "Green", `\u0000`, 1), "invalid-request", []string{"items[0].name"}},
		"name too long":            {strings.Replace(tea, "Green", strings.Repeat("x", 201), 1), "invalid-request", []string{"items[0].name"}},
		"several fields":           {item(`"sku":"","name":"","quantity":0,"unitPrice":-1`), "invalid-request", []string{"items[0].sku", "items[0].name", "items[0].quantity", "items[0].unitPrice"}},
	} {
		scenarios = append(scenarios, scenario{name: name, as: "alice", call: "POST /v1/orders", body: c.body, status: 400, code: c.code, fields: c.fields})
	}
	runAll(t, append(scenarios,
		scenario{name: "body too large", as: "alice", call: "POST /v1/orders", body: strings.Repeat(" ", rest.MaxBody+1), status: 413, code: "too-large"},
		scenario{name: "form", as: "alice", call: "POST /v1/orders", body: "a=b", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "no Content-Type", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Type", ""}, status: 415, code: "unsupported-media-type"},
		scenario{name: "gzip body", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "Content-Encoding identity, br", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "identity, br"}, status: 415, code: "unsupported-media-type"},
		scenario{name: "Content-Encoding identity", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Encoding", "Identity"}, status: 201, stored: 1},
		scenario{name: "byte order mark", as: "alice", call: "POST /v1/orders", body: "\ufeff" + tea, status: 201, stored: 1},
		scenario{name: "byte order mark without body", as: "alice", call: "POST /v1/orders", body: "\ufeff", status: 400, code: "invalid-json"},
		scenario{name: "two byte order marks", as: "alice", call: "POST /v1/orders", body: "\ufeff\ufeff" + tea, status: 400, code: "invalid-json"},
		scenario{name: "Content-Type with charset", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Content-Type", "application/json; charset=utf-8"}, status: 201, stored: 1},
		scenario{name: "idempotency key with a blank", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Idempotency-Key", "a b"}, status: 400, code: "invalid-request", fields: []string{"Idempotency-Key"}},
		scenario{name: "idempotency key too long", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Idempotency-Key", strings.Repeat("k", 201)}, status: 400, code: "invalid-request", fields: []string{"Idempotency-Key"}},
		scenario{name: "unsupported Accept", as: "alice", call: "POST /v1/orders", body: tea, headers: []string{"Accept", "text/xml"}, status: 406, code: "not-acceptable"},
	))
}

func TestIdempotencyKeyYieldsOneOrder(t *testing.T) {
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
	assert.EqualValues(t, "confirmed", read[api.Order](t, again).Status, "the current order")

	other := create("alice", "k1", strings.Replace(tea, "450", "451", 1))
	assert.EqualValues(t, "idempotency-key-reused", other.problem(t).Code)
	bad := create("alice", "k2", `{"items":[],"currency":"EUR"}`)
	assert.Equal(t, 400, bad.StatusCode)
	assert.Equal(t, 201, create("alice", "k2", tea).StatusCode, "an invalid body does not use the key")
	assert.Equal(t, 201, create("bob", "k1", tea).StatusCode, "keys belong to the user")
	assert.Equal(t, 201, create("alice", "k3", tea).StatusCode)
	require.NoError(t, s.db.Prune(t.Context(), time.Now().Add(1000*time.Hour)))
	assert.Equal(t, o.ID, read[api.Order](t, create("alice", "k1", tea)).ID, "a key has no expiry")
	assert.Equal(t, 4, s.stored())
}

func TestRetryAfterFailedCreateCreatesOrder(t *testing.T) {
	s := start(t)
	s.failCommands(actors.ErrUnavailable)
	require.Equal(t, 503, s.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k").StatusCode)
	s.failCommands(nil)
	a := s.call("alice", "POST", "/v1/orders", tea, "Idempotency-Key", "k")
	require.Equal(t, 201, a.StatusCode)
	assert.Empty(t, a.Header.Get("Idempotency-Replayed"), "created by the retry")
	assert.Equal(t, 1, s.stored())
}
