package contract

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	tea    = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`
	counts = `"counts":{"created":0,"confirmed":0,"delivered":0,"cancelled":0}`
	empty  = `{"orders":[],"next":null,` + counts + `,"feed":"1"}`
)

func TestTransportReportsViolations(t *testing.T) {
	problem := func(status string) string {
		return `{"type":"/docs#x","title":"x","status":` + status + `,"code":"not-found"}`
	}
	created := func(item string) string {
		return `{"id":"01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77","customer":"alice","status":"created","version":1,"items":[` + item + `],
			"currency":"EUR","total":900,"createdAt":"2026-11-24T09:30:00Z","updatedAt":"2026-11-24T09:30:00Z","payment":{"status":"pending","attempts":0},
			"history":[{"version":1,"status":"created","at":"2026-11-24T09:30:00Z","cause":"created","by":"customer"}]}`
	}
	const item = `{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}`
	for name, test := range map[string]struct {
		call, body string
		status     int
		media      string
		without    string // a header
		response   string
		violation  string // "" for none
	}{
		"a page":                        {call: "GET /v1/orders", status: 200, response: empty},
		"an order":                      {call: "POST /v1/orders", body: tea, status: 201, response: created(item)},
		"a rejected invalid request":    {call: "POST /v1/orders", body: `{`, status: 400, media: "application/problem+json", response: problem("400")},
		"a stream":                      {call: "GET /v1/orders/events", status: 200, media: "text/event-stream", response: "retry: 2000\nid: 1\n\n"},
		"a request timeout":             {call: "GET /v1/orders", status: 408, media: "text/plain", response: "Request Timeout"},
		"a problem for an unknown path": {call: "GET /v1/nothing", status: 404, media: "application/problem+json", response: problem("404")},

		"an undescribed status":            {call: "GET /v1/orders", status: 418, media: "application/problem+json", response: problem("418"), violation: "status is not supported"},
		"a missing header":                 {call: "POST /v1/orders", body: tea, status: 201, without: "ETag", response: created(item), violation: "ETag"},
		"a missing field":                  {call: "GET /v1/orders", status: 200, response: `{"orders":[],"next":null,` + counts + `}`, violation: `"feed"`},
		"a bad nested field":               {call: "POST /v1/orders", body: tea, status: 201, response: created(strings.Replace(item, "450", "-1", 1)), violation: "unitPrice"},
		"another media type":               {call: "GET /v1/orders", status: 200, media: "application/xml", response: "<orders/>", violation: "application/xml"},
		"a failure without a problem":      {call: "GET /v1/orders", status: 503, media: "text/plain", response: "away", violation: "text/plain"},
		"an accepted invalid body":         {call: "POST /v1/orders", body: `{"items":[],"currency":"EUR"}`, status: 201, response: created(item), violation: "accepted"},
		"an accepted invalid query":        {call: "GET /v1/orders?limit=0", status: 200, response: empty, violation: "accepted"},
		"success at an unknown path":       {call: "GET /v1/nothing", status: 200, response: `{}`, violation: "not in the contract"},
		"failure at an unknown path":       {call: "GET /v1/nothing", status: 500, media: "application/problem+json", response: problem("500"), violation: "not in the contract"},
		"no problem for an unknown method": {call: "DELETE /v1/orders", status: 405, response: `{}`, violation: "not in the contract"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, test.body, string(got), "the request reaches the server")
				for header, value := range map[string]string{"X-Request-Id": "1", "ETag": `"1"`, "Location": "/v1/orders/1", "Retry-After": "1"} {
					if header != test.without {
						w.Header().Set(header, value)
					}
				}
				w.Header().Set("Content-Type", test.media)
				if test.media == "" {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(test.status)
				_, err = io.WriteString(w, test.response)
				assert.NoError(t, err)
			}))
			defer server.Close()
			var violations []error
			client := http.Client{Transport: Transport{Base: http.DefaultTransport, OnViolation: func(err error) { violations = append(violations, err) }}}
			method, path, _ := strings.Cut(test.call, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(test.body))
			require.NoError(t, err)
			if test.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			res, err := client.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, test.response, string(body), "the response reaches the client")
			if test.violation == "" {
				require.Empty(t, violations)
				return
			}
			require.Len(t, violations, 1)
			require.ErrorContains(t, violations[0], test.violation)
		})
	}
}

// Otherwise Fuzz would report a server that rejects an invalid request.
func TestFuzzGeneratesValidRequests(t *testing.T) {
	spec, err := load()
	require.NoError(t, err)
	target := Target{URL: "http://127.0.0.1", Tokens: []string{"token"}, Orders: []string{"01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"}}
	rapid.Check(t, func(rt *rapid.T) {
		req := (&generator{T: rt, Target: target}).request()
		require.NoError(rt, spec.validate(req))
	})
}

// Some requests are valid, and each keyword is violated by some request.
func TestBoundsCoverAllKeywords(t *testing.T) {
	spec, err := load()
	require.NoError(t, err)
	drafts, err := spec.drafts()
	require.NoError(t, err)
	count := map[string]int{}
	for _, d := range drafts {
		req, err := d.request(t.Context(), "http://127.0.0.1")
		require.NoError(t, err)
		if err := spec.validate(req); err != nil {
			keyword, field := violated(err)
			count[keyword]++
			count[field]++
			continue
		}
		count["valid"]++
	}
	for _, key := range []string{
		"type", "enum", "required", "properties", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "minLength", "maxLength", "pattern", "format",
		"items[0].quantity", "items", "ids", "reason", "limit", "id", "additional", "items[0].additional", "valid",
	} {
		assert.Positive(t, count[key], key)
	}
	t.Logf("%d requests, %v", len(drafts), count)
}
