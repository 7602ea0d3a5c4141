package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/httpapi/problem"
	"orders/kit/log"
	"orders/kit/telemetry"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// newTestApp returns an app with handlers that panic, and a check that returns *failure.
func newTestApp(log *slog.Logger, failure *error) *fiber.App {
	registry := telemetry.NewRegistry()
	app := NewApp(fiber.Config{ErrorHandler: problem.Handler(log)})
	app.Use(Observe(log, registry))
	Probes(app, log, registry, nil, Check{"cache", func(context.Context) error { return nil }},
		Check{"database", func(context.Context) error { return *failure }})
	app.Get("/metrics-for-test", adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	app.Get("/panics/:id", func(*fiber.Ctx) error { panic("secret") })
	app.Get("/panics-in-the-error-handler", func(*fiber.Ctx) error { return errUnprintable{} })
	return app
}

// errUnprintable makes the error handler panic.
type errUnprintable struct{}

func (errUnprintable) Error() string { panic("secret") }

func get(t *testing.T, app *fiber.App, path string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("Traceparent", traceparent)
	req.Header.Set(HeaderRequestID, "client-id")
	resp, err := app.Test(req, -1)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func TestReadinessNamesTheFailedCheckWithoutItsError(t *testing.T) {
	failure := errors.New("password=secret")
	app := newTestApp(slog.New(slog.DiscardHandler), &failure)
	resp, body := get(t, app, ReadyPath)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "not ready: database\n", body)
	resp, _ = get(t, app, LivePath)
	require.Equal(t, http.StatusOK, resp.StatusCode)

	failure = nil
	resp, _ = get(t, app, ReadyPath)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestPanicFailsOnlyItsRequest(t *testing.T) {
	var logged bytes.Buffer
	logger, _, err := log.New(&logged, "info", "json")
	require.NoError(t, err)
	var failure error
	app := newTestApp(logger, &failure)

	resp, body := get(t, app, "/panics/7")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"))
	require.Equal(t, "client-id", resp.Header.Get(HeaderRequestID))
	require.NotContains(t, body, "secret")
	require.Contains(t, logged.String(), "secret")
	for line := range strings.Lines(logged.String()) {
		require.Contains(t, line, "0af7651916cd43dd8448eb211c80319c")
		require.Contains(t, line, `"request_id":"client-id"`)
	}

	resp, body = get(t, app, "/panics-in-the-error-handler")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.NotContains(t, body, "secret")

	_, metrics := get(t, app, "/metrics-for-test")
	require.Contains(t, metrics, `panics_total{part="request"}`)
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="GET",route="/panics/:id",status="500"} 1`)
}

// fasthttp reuses a request's memory for the next one on the connection; labels must be copies.
func TestMetricsKeepTheMethod(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var failure error
	app := newTestApp(slog.New(slog.DiscardHandler), &failure)
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	send := func(method, path string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+listener.Addr().String()+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return string(body)
	}
	for range 2 {
		send(http.MethodPost, LivePath)
		send(http.MethodGet, LivePath)
	}
	metrics := send(http.MethodGet, "/metrics-for-test")
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="GET",route="/livez",status="200"} 2`)
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="POST",route="/",status="405"} 2`)
	require.NoError(t, app.Shutdown())
	require.NoError(t, <-served)
}

func TestServeListenerDrainsRequests(t *testing.T) {
	listener, err := Listen(t.Context(), slog.New(slog.DiscardHandler), "TEST_ADDR", "127.0.0.1:0")
	require.NoError(t, err)
	app := NewApp(fiber.Config{})
	entered, release := make(chan struct{}), make(chan struct{})
	app.Get("/", func(c *fiber.Ctx) error {
		close(entered)
		<-release
		return c.SendString("done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ServeListener(ctx, app, slog.New(slog.DiscardHandler), listener, time.Minute) }()

	var wait sync.WaitGroup
	wait.Go(func() {
		<-entered
		cancel()
		close(release)
	})
	resp, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "done", string(body))
	wait.Wait()
	require.NoError(t, <-served)
}

func TestServeListenerReportsRequestsThatOutlastTheDrain(t *testing.T) {
	listener, err := Listen(t.Context(), slog.New(slog.DiscardHandler), "TEST_ADDR", "127.0.0.1:0")
	require.NoError(t, err)
	app := NewApp(fiber.Config{})
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	app.Get("/", func(c *fiber.Ctx) error {
		cancel()
		<-release
		return c.SendString("done")
	})
	var wait sync.WaitGroup
	wait.Go(func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if assert.NoError(t, err) {
			assert.NoError(t, resp.Body.Close())
		}
	})
	err = ServeListener(ctx, app, slog.New(slog.DiscardHandler), listener, time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	wait.Wait()
}

func TestListenReportsAnAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	address := listener.Addr().String()
	_, err = Listen(t.Context(), slog.New(slog.DiscardHandler), "TEST_ADDR", address)
	require.ErrorContains(t, err, "listen on TEST_ADDR")
	require.ErrorContains(t, err, address)
}

// Two servers could interpret each of these requests differently.
func TestObserveRejectsAmbiguousRequests(t *testing.T) {
	app := NewApp(fiber.Config{ErrorHandler: problem.Handler(slog.New(slog.DiscardHandler))})
	app.Use(Observe(slog.New(slog.DiscardHandler), telemetry.NewRegistry()))
	app.All("/", func(c *fiber.Ctx) error { return c.Send(c.Request().Body()) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	defer func() {
		require.NoError(t, app.Shutdown())
		require.NoError(t, <-served)
	}()

	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"length":                        {"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nok", 200},
		"chunked":                       {"POST / HTTP/1.1\r\nHost: shop.example:80\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200},
		"HTTP/1.0 without Host":         {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
		"an IPv6 host":                  {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200},
		"length and chunked":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 400},
		"chunked and length":            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", 400},
		"length and identity":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: identity\r\n\r\nok", 400},
		"two lengths":                   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 400},
		"one length twice":              {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 400},
		"two lengths in one line":       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 3\r\n\r\nok", 400},
		"a length with a sign":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nok", 400},
		"gzip as transfer encoding":     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
		"a blank before the colon":      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\nok", 400},
		"no Host":                       {"GET / HTTP/1.1\r\n\r\n", 400},
		"no Host, absolute target":      {"GET http://shop.example/ HTTP/1.1\r\n\r\n", 400},
		"an empty Host":                 {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		"two Hosts":                     {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"a Host with a space":           {"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
		"a Host with a user":            {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
		"a Host with a path":            {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		"a Host with a port of letters": {"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
		"HTTP/1.0 with an invalid Host": {"GET / HTTP/1.0\r\nHost: x y\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
			_, err = io.WriteString(conn, test.request)
			require.NoError(t, err)
			replies := bufio.NewReader(conn)
			resp, err := http.ReadResponse(replies, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, test.status, resp.StatusCode, "%s", body)
			require.Equal(t, test.status == 400, resp.Close, "only a bad request closes the connection")
			if test.status == 400 {
				require.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"))
				_, err = replies.ReadByte()
				require.ErrorIs(t, err, io.EOF)
			}
		})
	}
}
