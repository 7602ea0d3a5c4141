package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
)

func TestWebhooksAreForOperators(t *testing.T) {
	const unknown = "/v1/webhooks/01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"
	const body = `{"url":"https://example.com"}`
	runAll(t, []scenario{
		{name: "list webhooks", as: "otto", call: "GET /v1/webhooks", status: 200, has: []string{`{"webhooks":[]}`}},
		{name: "list webhooks as customer", as: "alice", call: "GET /v1/webhooks", status: 403, code: "forbidden"},
		{name: "list webhooks without a token", call: "GET /v1/webhooks", status: 401, code: "unauthenticated"},
		{name: "add a webhook", as: "otto", call: "POST /v1/webhooks", body: body, status: 201, has: []string{`"secret":"whsec_`, `"types":[]`, `"enabled":true`}, sets: map[string]string{"Cache-Control": "no-store"}},
		{name: "add a webhook as customer", as: "alice", call: "POST /v1/webhooks", body: body, status: 403, code: "forbidden"},
		{name: "add a webhook for another scheme", as: "otto", call: "POST /v1/webhooks", body: `{"url":"ftp://example.com"}`, status: 422, code: "webhook-refused"},
		{name: "add a webhook without a URL", as: "otto", call: "POST /v1/webhooks", body: `{}`, status: 400, code: "invalid-request", fields: []string{"url"}},
		{name: "add a webhook for unknown events", as: "otto", call: "POST /v1/webhooks", body: `{"url":"https://a.example","types":["x"]}`, status: 400, code: "invalid-request", fields: []string{"types[0]"}},
		{name: "change an unknown webhook", as: "otto", call: "PATCH " + unknown, body: `{}`, status: 404, code: "webhook-not-found"},
		{name: "change a webhook with null", as: "otto", call: "PATCH " + unknown, body: `{"enabled":null}`, status: 400, code: "invalid-request", fields: []string{"enabled"}},
		{name: "read an unknown webhook", as: "otto", call: "GET " + unknown, status: 404, code: "webhook-not-found"},
		{name: "read a webhook by an invalid id", as: "otto", call: "GET /v1/webhooks/17", status: 400, code: "invalid-request", fields: []string{"id"}},
		{name: "delete an unknown webhook", as: "otto", call: "DELETE " + unknown, status: 404, code: "webhook-not-found"},
		{name: "delete a webhook as customer", as: "alice", call: "DELETE " + unknown, status: 403, code: "forbidden"},
		{name: "test an unknown webhook", as: "otto", call: "POST " + unknown + "/test", status: 404, code: "webhook-not-found"},
		{name: "rotate the secret of an unknown webhook", as: "otto", call: "POST " + unknown + "/rotate", status: 404, code: "webhook-not-found"},
		{name: "list deliveries of an unknown webhook", as: "otto", call: "GET " + unknown + "/deliveries", status: 404, code: "webhook-not-found"},
		{name: "list too many deliveries", as: "otto", call: "GET " + unknown + "/deliveries?limit=201", status: 400, code: "invalid-request", fields: []string{"limit"}},
		{name: "replace a webhook", as: "otto", call: "PUT " + unknown, status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD, PATCH, DELETE"}},
	})
}

func TestWebhookIsManaged(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer receiver.Close()
	s := start(t)
	call := func(method, path, body string) string {
		t.Helper()
		return string(s.call("otto", method, "/v1/webhooks"+path, body).body)
	}
	added := read[api.WebhookWithSecret](t, s.call("otto", "POST", "/v1/webhooks", `{"url":"`+receiver.URL+`","types":["orders.order.delivered.v1"],"description":"Lager"}`))
	assert.NotContains(t, call("GET", "", ""), "secret")
	assert.NotContains(t, call("GET", "/"+added.ID, ""), "secret")
	changed := read[api.Webhook](t, s.call("otto", "PATCH", "/v1/webhooks/"+added.ID, `{"enabled":false}`))
	assert.Equal(t, "disabled by otto", changed.DisabledReason)
	assert.Equal(t, "Lager", changed.Description, "what is left out stays")
	assert.Len(t, changed.Types, 1)
	changed = read[api.Webhook](t, s.call("otto", "PATCH", "/v1/webhooks/"+added.ID, `{"enabled":true,"types":[],"description":""}`))
	assert.True(t, changed.Enabled)
	assert.Empty(t, changed.Types)
	assert.Empty(t, changed.Description)

	tested := read[api.WebhookDelivery](t, s.call("otto", "POST", "/v1/webhooks/"+added.ID+"/test", ""))
	assert.False(t, tested.Delivered)
	assert.Equal(t, http.StatusTeapot, tested.Status)
	resent := read[api.WebhookDelivery](t, s.call("otto", "POST", "/v1/webhooks/"+added.ID+"/deliveries/"+tested.ID+"/resend", ""))
	assert.Equal(t, tested.EventID, resent.EventID)
	assert.Equal(t, 2, strings.Count(call("GET", "/"+added.ID+"/deliveries", ""), "I'm a teapot"))

	rotated := read[api.WebhookWithSecret](t, s.call("otto", "POST", "/v1/webhooks/"+added.ID+"/rotate", ""))
	assert.NotEqual(t, added.Secret, rotated.Secret)
	assert.False(t, rotated.PreviousSecretUntil.IsZero())
	require.Equal(t, http.StatusNoContent, s.call("otto", "DELETE", "/v1/webhooks/"+added.ID, "").StatusCode)
	require.Equal(t, http.StatusNotFound, s.call("otto", "GET", "/v1/webhooks/"+added.ID, "").StatusCode)
}
