package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAcceptSelectsContentType(t *testing.T) {
	s := start(t)
	const events = "/v1/orders/events"
	for _, tc := range []struct{ path, accept, want string }{
		{"/v1/session", "application/json; charset=utf-8", "application/json"},
		{"/v1/session", "Application/JSON", "application/json"},
		{"/v1/session", `application/json;profile="a,b;q=0";q=0.5`, "application/json"},
		{"/v1/session", "application/xml, */*;q=0.1", "application/json"},
		{"/v1/session", " , ", "application/json"},
		{"/v1/session", "application/json;q=0", ""},
		{"/v1/session", "application/json;q=0, */*", ""},
		{"/v1/session", "application/json; Q=0.000, application/*", ""},
		{"/v1/session", "text/html", ""},
		{"/v1/session", "application/jsonp", ""},
		{"/v1/session", "application/problem+json", ""},
		{"/v1/orders", "text/csv; charset=utf-8", "text/csv"},
		{"/v1/orders", "TEXT/CSV;header=present", "text/csv"},
		{"/v1/orders", "text/*", "text/csv"},
		{"/v1/orders", "*/*", "application/json"},
		{"/v1/orders", "*/*, text/csv;q=0", "application/json"},
		{"/v1/orders", "application/json;q=0.5, text/csv;q=0.9", "text/csv"},
		{"/v1/orders", "*/*;q=0.9, application/json;q=0.1", "text/csv"},
		{"/v1/orders", "text/csv, application/json", "text/csv"},
		{events, "text/event-stream; charset=utf-8", "text/event-stream"},
		{events, "Text/Event-Stream", "text/event-stream"},
		{events, "text/event-stream;q=0, */*", "application/json"},
	} {
		t.Run(tc.path+" "+tc.accept, func(t *testing.T) {
			res := s.head("alice", tc.path, "Accept", tc.accept)
			if tc.want == "" {
				assert.Equal(t, http.StatusNotAcceptable, res.StatusCode)
				return
			}
			require.Equal(t, http.StatusOK, res.StatusCode)
			media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
			assert.Equal(t, tc.want, media)
		})
	}
}

func TestContentTypeOfResponseIsAcceptable(t *testing.T) {
	s := start(t)
	for path, accept := range map[string]string{"/v1/session": "*/*", "/v1/orders": "text/csv", "/v1/orders/events": "text/event-stream"} {
		sent := s.head("alice", path, "Accept", accept).Header.Get("Content-Type")
		again := s.head("alice", path, "Accept", sent)
		assert.Equal(t, http.StatusOK, again.StatusCode, sent)
		assert.Equal(t, sent, again.Header.Get("Content-Type"))
	}
}
