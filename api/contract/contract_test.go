package contract

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/api"
)

const (
	tea    = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`
	counts = `"counts":{"created":0,"confirmed":0,"delivered":0,"cancelled":0}`
	empty  = `{"orders":[],"next":null,` + counts + `,"feed":"1"}`
)

// The answers come from a server that says what the test tells it to.
func TestTransportFindsWhatIsOutsideOfTheContract(t *testing.T) {
	problem := func(status string) string {
		return `{"type":"/docs#x","title":"x","status":` + status + `,"code":"not-found"}`
	}
	created := func(item string) string {
		return `{"id":"01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77","customer":"alice","status":"created","version":1,"items":[` + item + `],
			"currency":"EUR","total":900,"createdAt":"2026-11-24T09:30:00Z","updatedAt":"2026-11-24T09:30:00Z","payment":{"status":"pending","attempts":0},
			"history":[{"version":1,"status":"created","at":"2026-11-24T09:30:00Z","cause":"created","by":"customer"}]}`
	}
	const item = `{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}`
	for name, of := range map[string]struct {
		call, body string
		status     int
		media      string
		without    string // a header
		answer     string
		found      string // "" when all is well
	}{
		"a page":                       {call: "GET /v1/orders", status: 200, answer: empty},
		"an order":                     {call: "POST /v1/orders", body: tea, status: 201, answer: created(item)},
		"a refusal of something bad":   {call: "POST /v1/orders", body: `{`, status: 400, media: "application/problem+json", answer: problem("400")},
		"a stream":                     {call: "GET /v1/orders/events", status: 200, media: "text/event-stream", answer: "retry: 2000\nid: 1\n\n"},
		"a connection's end":           {call: "GET /v1/orders", status: 408, media: "text/plain", answer: "Request Timeout"},
		"a problem about another path": {call: "GET /v1/nothing", status: 404, media: "application/problem+json", answer: problem("404")},

		"a status that isn't named":       {call: "GET /v1/orders", status: 418, media: "application/problem+json", answer: problem("418"), found: "status is not supported"},
		"a missing header":                {call: "POST /v1/orders", body: tea, status: 201, without: "ETag", answer: created(item), found: "ETag"},
		"a missing field":                 {call: "GET /v1/orders", status: 200, answer: `{"orders":[],"next":null,` + counts + `}`, found: `"feed"`},
		"a bad field deep inside":         {call: "POST /v1/orders", body: tea, status: 201, answer: created(strings.Replace(item, "450", "-1", 1)), found: "unitPrice"},
		"another media type":              {call: "GET /v1/orders", status: 200, media: "application/xml", answer: "<orders/>", found: "application/xml"},
		"a failure that isn't a problem":  {call: "GET /v1/orders", status: 503, media: "text/plain", answer: "away", found: "text/plain"},
		"a bad request that was accepted": {call: "POST /v1/orders", body: `{"items":[],"currency":"EUR"}`, status: 201, answer: created(item), found: "accepted"},
		"a bad query that was accepted":   {call: "GET /v1/orders?limit=0", status: 200, answer: empty, found: "accepted"},
		"success at another path":         {call: "GET /v1/nothing", status: 200, answer: `{}`, found: "doesn't know this call"},
		"a fault at another path":         {call: "GET /v1/nothing", status: 500, media: "application/problem+json", answer: problem("500"), found: "doesn't know this call"},
		"no problem about another method": {call: "DELETE /v1/orders", status: 405, answer: `{}`, found: "doesn't know this call"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, of.body, string(got), "the request is passed on")
				for header, value := range map[string]string{"X-Request-Id": "1", "ETag": `"1"`, "Location": "/v1/orders/1", "Retry-After": "1"} {
					if header != of.without {
						w.Header().Set(header, value)
					}
				}
				w.Header().Set("Content-Type", of.media)
				if of.media == "" {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(of.status)
				_, err = io.WriteString(w, of.answer)
				assert.NoError(t, err)
			}))
			defer server.Close()
			var found []error
			client := http.Client{Transport: Transport{Base: http.DefaultTransport, Found: func(err error) { found = append(found, err) }}}
			method, path, _ := strings.Cut(of.call, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(of.body))
			require.NoError(t, err)
			if of.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			res, err := client.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, of.answer, string(body), "the answer is passed on")
			if of.found == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.ErrorContains(t, found[0], of.found)
		})
	}
}

// What Throw takes for good is allowed by the contract, or it would blame a server that refuses it.
func TestGoodRequestsAreGood(t *testing.T) {
	j, err := load()
	require.NoError(t, err)
	at := Target{URL: "http://127.0.0.1", Tokens: []string{"token"}, Orders: []string{"01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"}}
	rapid.Check(t, func(rt *rapid.T) {
		req := (&generator{T: rt, Target: at}).request()
		route, params, err := j.router.FindRoute(req)
		require.NoError(rt, err)
		require.NoError(rt, openapi3filter.ValidateRequest(rt.Context(), &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}))
	})
}

// What CheckBounds sends at a bound is allowed by the contract, and what it sends beyond one is not.
func TestBoundsAreThoseOfTheContract(t *testing.T) {
	j, err := load()
	require.NoError(t, err)
	bounds, err := boundsOf(api.Contract)
	require.NoError(t, err)
	keywords := map[string]bool{}
	for _, b := range bounds {
		keywords[b.keyword] = true
		req, err := b.request(t.Context(), "http://127.0.0.1")
		require.NoError(t, err)
		route, params, err := j.router.FindRoute(req)
		require.NoError(t, err, b)
		err = openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		})
		assert.Equal(t, b.beyond, err != nil, "%s: %v", b, err)
	}
	for _, keyword := range []string{
		"type", "enum", "required", "additionalProperties", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "minLength", "maxLength", "pattern", "format",
	} {
		assert.True(t, keywords[keyword], keyword)
	}
	t.Logf("%d requests", len(bounds))
}
