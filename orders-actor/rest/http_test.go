package rest_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/log"
	"orders/kit/telemetry"
	"orders/orders-actor/rest"
)

// Buffers of a connection are reused: the next request must not see the empty header.
func TestEmptyIdempotencyKeyDoesNotAffectNextRequest(t *testing.T) {
	s := start(t)
	empty := s.request("alice", "POST", "/v1/orders", tea)
	empty.Header["Idempotency-Key"] = []string{""}
	assert.Equal(t, 400, s.do(empty).StatusCode)
	assert.Equal(t, 201, s.call("alice", "POST", "/v1/orders", tea).StatusCode)
}

func TestMetricsLabelMethodRouteAndStatus(t *testing.T) {
	registry := telemetry.NewRegistry()
	s := start(t, func(o *rest.Options) { o.Registry = registry })
	s.call("alice", "POST", "/v1/orders", tea)
	s.call("alice", "GET", "/v1/orders", "")
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Contains(t, recorder.Body.String(), `method="POST",route="/v1/orders",status="201"`)
}

// The client reads the response only after it has sent the whole body.
func TestOversizedBodyYields413(t *testing.T) {
	s := start(t)
	for range 5 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(waitLimit)))
		r := s.request("alice", "POST", "/v1/orders", strings.Repeat("x", 512<<10))
		require.NoError(t, r.Write(conn))
		res, err := http.ReadResponse(bufio.NewReader(conn), r)
		require.NoError(t, err)
		assert.Equal(t, 413, res.StatusCode)
		require.NoError(t, res.Body.Close())
		require.NoError(t, conn.Close())
	}
}

// head sends a HEAD request.
func (s *server) head(user, path string, headers ...string) *http.Response {
	s.Helper()
	res, err := http.DefaultClient.Do(s.request(user, "HEAD", path, "", headers...))
	require.NoError(s, err)
	require.NoError(s, res.Body.Close())
	return res
}

func TestOnlyLongPollsAndStreamsTakeWaitSlots(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.MaxWaiting = 1 })
	o := s.given("alice")
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	assert.Equal(t, 503, s.head("alice", "/v1/orders/"+o.ID, "Prefer", "wait=30").StatusCode)
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "", "Prefer", "wait=30").StatusCode, "lists ignore Prefer: wait")
}

func TestHeadOfStreamedResponseKeepsConnection(t *testing.T) {
	for _, media := range []string{"text/event-stream", "text/csv"} {
		t.Run(media, func(t *testing.T) {
			s := start(t)
			path := map[string]string{"text/event-stream": "/v1/orders/events", "text/csv": "/v1/orders"}[media]
			for range 10 {
				s.given("alice", big...)
			}
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(waitLimit)))
			answers := bufio.NewReader(conn)
			for _, r := range []*http.Request{s.request("alice", "HEAD", path, "", "Accept", media), s.request("", "GET", "/livez", "")} {
				for range 3 {
					require.NoError(t, r.Write(conn))
					res, err := http.ReadResponse(answers, r)
					require.NoError(t, err)
					require.Equal(t, 200, res.StatusCode)
					_, err = io.Copy(io.Discard, res.Body)
					require.NoError(t, err)
				}
			}
		})
	}
}

// text/* selects the stream, the only text type of the feed.
func TestStreamIsNeverCompressed(t *testing.T) {
	s := start(t)
	r := s.stream("alice", "/v1/orders/events", "Accept", "text/*", "Accept-Encoding", "gzip")
	assert.Equal(t, "text/event-stream", r.res.Header.Get("Content-Type"))
	assert.Empty(t, r.res.Header.Get("Content-Encoding"))
	assert.True(t, r.frame(&api.OrderSummary{}))
}

func TestInvalidIfMatchIsRefused(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	for _, lines := range [][]string{{""}, {`"1"`, `"7"`}} {
		r := s.request("alice", "POST", "/v1/orders/"+o.ID+"/cancel", "")
		r.Header["If-Match"] = lines
		a := s.do(r)
		require.Equal(t, 400, a.StatusCode, "%s", a.body)
		assert.Equal(t, "If-Match", a.problem(t).Errors[0].Field)
	}
	assert.EqualValues(t, "created", read[api.Order](t, s.call("alice", "GET", "/v1/orders/"+o.ID, "")).Status)
}

// A list header may have several lines, as in RFC 7240.
func TestHeaderLinesAreJoined(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	r := s.request("alice", "GET", "/v1/orders/"+o.ID, "")
	r.Header["Prefer"] = []string{"respond-async", "wait=0"}
	r.Header["If-None-Match"] = []string{`"7"`, `"1"`}
	a := s.do(r)
	assert.Equal(t, 304, a.StatusCode)
	assert.Equal(t, "wait=0", a.Header.Get("Preference-Applied"))

	r = s.request("alice", "GET", "/v1/orders", "")
	r.Header["Accept"] = []string{"application/xml", "text/csv"}
	assert.Equal(t, "text/csv; charset=utf-8", s.do(r).Header.Get("Content-Type"))
}

func TestUnknownMethodYields405(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.SPA = func(c *fiber.Ctx) error { return c.SendString("the app") } })
	for path, allow := range map[string]string{"/v1/orders": "GET, HEAD, POST", "/livez": "GET, HEAD", "/": "GET, HEAD", "/orders/7": "GET, HEAD"} {
		for _, method := range []string{"PROPFIND", "DELETE"} {
			a := s.call("alice", method, path, "")
			assert.Equal(t, 405, a.StatusCode, "%s %s", method, path)
			assert.Equal(t, allow, a.Header.Get("Allow"), "%s %s", method, path)
			assert.EqualValues(t, "method-not-allowed", a.problem(t).Code)
			assert.NotEmpty(t, a.Header.Get("X-Request-Id"))
		}
	}
	assert.Equal(t, 404, s.call("alice", "PROPFIND", "/v1/nothing", "").StatusCode)
}

func TestLogLinesHaveRequestID(t *testing.T) {
	var logged bytes.Buffer
	log, _, err := log.New(&logged, "info", "json")
	require.NoError(t, err)
	s := start(t, func(o *rest.Options) { o.Log = log })
	o := s.given("alice")
	s.failCommands(errors.New("the reason"))
	s.call("alice", "POST", "/v1/orders/"+o.ID+"/cancel", "", "X-Request-Id", "mine-1")
	s.call("alice", "POST", "/v1/orders/cancel", `{"ids":["`+o.ID+`"]}`, "X-Request-Id", "mine-2")
	s.stop()
	for _, id := range []string{"mine-1", "mine-2"} {
		assert.Regexp(t, `(?m)^.*the reason.*"request_id":"`+id+`"`, logged.String())
	}
}
