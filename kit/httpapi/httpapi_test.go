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
	"github.com/stretchr/testify/require"

	"orders/kit/httpapi/problem"
	"orders/kit/log"
	"orders/kit/telemetry"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// app has a handler that panics, and a check that fails as long as broken is set.
func app(log *slog.Logger, broken *error) *fiber.App {
	registry := telemetry.NewRegistry()
	app := NewApp(fiber.Config{ErrorHandler: problem.Handler(log)})
	app.Use(Observe(log, registry))
	Probes(app, log, registry, nil, Check{"fine", func(context.Context) error { return nil }},
		Check{"database", func(context.Context) error { return *broken }})
	app.Get("/metrics-for-test", adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	app.Get("/panics/:id", func(*fiber.Ctx) error { panic("secret") })
	app.Get("/panics-in-the-error-handler", func(*fiber.Ctx) error { return errUnprintable{} })
	return app
}

// errUnprintable is an error that the error handler panics on.
type errUnprintable struct{}

func (errUnprintable) Error() string { panic("secret") }

func get(t *testing.T, app *fiber.App, path string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Header.Set("Traceparent", traceparent)
	req.Header.Set(HeaderRequestID, "mine")
	resp, err := app.Test(req, -1)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func TestReadinessNamesWhatIsMissingAndHidesWhy(t *testing.T) {
	broken := errors.New("password=secret")
	app := app(slog.New(slog.DiscardHandler), &broken)
	resp, body := get(t, app, ReadyPath)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "not ready: database\n", body)
	resp, _ = get(t, app, LivePath)
	require.Equal(t, http.StatusOK, resp.StatusCode)

	broken = nil
	resp, _ = get(t, app, ReadyPath)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestAPanicCostsItsRequestOnly(t *testing.T) {
	var logged bytes.Buffer
	logger, err := log.New(&logged, "info", "json")
	require.NoError(t, err)
	var fine error
	app := app(logger, &fine)

	resp, body := get(t, app, "/panics/7")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"))
	require.Equal(t, "mine", resp.Header.Get(HeaderRequestID))
	require.NotContains(t, body, "secret")
	require.Contains(t, logged.String(), "secret")
	for line := range strings.Lines(logged.String()) {
		require.Contains(t, line, "0af7651916cd43dd8448eb211c80319c")
		require.Contains(t, line, `"request_id":"mine"`)
	}

	resp, body = get(t, app, "/panics-in-the-error-handler")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.NotContains(t, body, "secret")

	_, metrics := get(t, app, "/metrics-for-test")
	require.Contains(t, metrics, `panics_total{part="request"}`)
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="GET",route="/panics/:id",status="500"} 1`)
}

// What is counted outlives its request, whose strings the next one of the connection overwrites.
func TestMetricsKeepTheMethod(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var fine error
	app := app(slog.New(slog.DiscardHandler), &fine)
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	ask := func(method, path string) string {
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
		ask(http.MethodPost, LivePath)
		ask(http.MethodGet, LivePath)
	}
	metrics := ask(http.MethodGet, "/metrics-for-test")
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="GET",route="/livez",status="200"} 2`)
	require.Contains(t, metrics, `http_request_duration_seconds_count{method="POST",route="/",status="405"} 2`)
	require.NoError(t, app.Shutdown())
	require.NoError(t, <-served)
}

func TestServeLetsRunningRequestsEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	app := NewApp(fiber.Config{})
	entered, release := make(chan struct{}), make(chan struct{})
	app.Get("/", func(c *fiber.Ctx) error {
		close(entered)
		<-release
		return c.SendString("done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(app, slog.New(slog.DiscardHandler), "TEST_ADDR", address)(ctx) }()

	var wait sync.WaitGroup
	wait.Go(func() {
		<-entered
		cancel()
		close(release)
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	resp, err := http.Get("http://" + address)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "done", string(body))
	wait.Wait()
	require.NoError(t, <-served)
}

func TestServeTellsAPortThatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	address := listener.Addr().String()
	err = Serve(NewApp(fiber.Config{}), slog.New(slog.DiscardHandler), "TEST_ADDR", address)(t.Context())
	require.ErrorContains(t, err, address)
}

// Each of these could be understood in two ways by two servers.
func TestAmbiguousMessagesAreRefused(t *testing.T) {
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
		"fine":                           {"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nok", 200},
		"chunked":                        {"POST / HTTP/1.1\r\nHost: shop.example:80\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200},
		"HTTP/1.0 without Host":          {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
		"an IPv6 host":                   {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200},
		"length and chunked":             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 400},
		"chunked and length":             {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", 400},
		"length and identity":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: identity\r\n\r\nok", 400},
		"two lengths":                    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 400},
		"one length twice":               {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 400},
		"two lengths in one line":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 3\r\n\r\nok", 400},
		"a length with a sign":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nok", 400},
		"gzip as transfer encoding":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
		"a blank before the colon":       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\nok", 400},
		"no Host":                        {"GET / HTTP/1.1\r\n\r\n", 400},
		"no Host, the target has one":    {"GET http://shop.example/ HTTP/1.1\r\n\r\n", 400},
		"an empty Host":                  {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		"two Hosts":                      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"a Host that is none":            {"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
		"a Host with a user":             {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
		"a Host with a path":             {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		"a Host with a port of letters":  {"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
		"HTTP/1.0 with a Host not valid": {"GET / HTTP/1.0\r\nHost: x y\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
			_, err = io.WriteString(conn, test.request)
			require.NoError(t, err)
			answers := bufio.NewReader(conn)
			resp, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, test.status, resp.StatusCode, "%s", body)
			require.Equal(t, test.status == 400, resp.Close, "the connection is closed after a bad request only")
			if test.status == 400 {
				require.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"))
				_, err = answers.ReadByte()
				require.ErrorIs(t, err, io.EOF)
			}
		})
	}
}
