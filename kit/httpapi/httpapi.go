// Package httpapi is an HTTP server as both services need it: probes, request metrics, an access log, panic recovery and
// strict reading of requests.
package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"orders/kit/httpapi/problem"
	"orders/kit/run"
	"orders/kit/telemetry"
)

// Paths that Probes serves. They need no authentication and are left out of the access log.
const (
	LivePath   = "/livez"
	ReadyPath  = "/readyz"
	HealthPath = "/healthz"
)

const (
	checkTimeout = 3 * time.Second
	drainTimeout = 10 * time.Second
)

// HeaderRequestID names a request in the access log; a caller may choose it.
const HeaderRequestID = "X-Request-Id"

// NewApp makes a fiber app whose connections can't be held open by a slow sender. What cfg sets itself stays. There is
// no write timeout by default: it would end a live feed.
func NewApp(cfg fiber.Config) *fiber.App {
	cfg.DisableStartupMessage = true
	cfg.DisablePreParseMultipartForm = true // it writes files before the caller is known, and no call takes a form
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = 10 * time.Second
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = 75 * time.Second
	}
	if cfg.ReadBufferSize == 0 {
		cfg.ReadBufferSize = 48 << 10 // all of a request's headers: a token may take 32 KiB
	}
	return fiber.New(cfg)
}

// Observe is the first middleware: trace and request id, access log, request metrics, the checks of RFC 9112 that fasthttp
// leaves out, and panic recovery. A panic becomes an error for the app's ErrorHandler.
func Observe(log *slog.Logger, registry prometheus.Registerer) fiber.Handler {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time to answer a request.", Buckets: prometheus.DefBuckets,
	}, []string{"method", "route", "status"})
	registry.MustRegister(seconds)

	return func(c *fiber.Ctx) error {
		start := time.Now()
		id := strings.Clone(c.Get(HeaderRequestID))
		if !validRequestID(id) {
			id = uuid.NewString()
		}
		c.Set(HeaderRequestID, id)
		ctx := telemetry.WithRequestID(telemetry.WithTraceparent(c.UserContext(), strings.Clone(c.Get("traceparent"))), id)
		c.SetUserContext(ctx)

		if err := run.Catch(ctx, log, "request", func() error { return next(c) }); err != nil {
			if err := run.Catch(ctx, log, "error handler", func() error { return c.App().ErrorHandler(c, err) }); err != nil {
				log.ErrorContext(ctx, "the error handler failed", "error", err)
				c.Status(http.StatusInternalServerError)
			}
		}

		status, took, route := c.Response().StatusCode(), time.Since(start), c.Route().Path
		seconds.WithLabelValues(method(c), route, strconv.Itoa(status)).Observe(took.Seconds())
		switch c.Path() {
		case LivePath, ReadyPath, HealthPath:
		default:
			log.InfoContext(ctx, "request", "method", c.Method(), "path", strings.Clone(c.Path()), "status", status,
				"took", took)
		}
		return nil
	}
}

func next(c *fiber.Ctx) error {
	if err := checkMessage(&c.Request().Header); err != nil {
		c.Context().SetConnectionClose()
		return err
	}
	return c.Next()
}

// checkMessage refuses a request whose end or whose host is ambiguous. Another server on its way may have decided
// otherwise, so that a part of one request is taken for the next one (RFC 9112, sections 3.2 and 6.3). fasthttp has refused
// two Content-Length, two Transfer-Encoding and two Host lines already.
func checkMessage(h *fasthttp.RequestHeader) error {
	// fasthttp drops one of the two lines, but means to close the connection when there are both.
	if h.ConnectionClose() && hasLine(h.RawHeaders(), fiber.HeaderContentLength) && hasLine(h.RawHeaders(), fiber.HeaderTransferEncoding) {
		return problem.New(problem.InvalidRequest, "send Content-Length or Transfer-Encoding, not both")
	}
	host := h.Host()
	if len(host) == 0 && h.IsHTTP11() {
		return problem.New(problem.InvalidRequest, "send a Host header")
	}
	if !hostPattern.Match(host) {
		return problem.New(problem.InvalidRequest, "the Host header is not a host name with an optional port")
	}
	return nil
}

// hasLine looks into the headers as they were sent.
func hasLine(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		if field, _, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(field, []byte(name)) {
			return true
		}
	}
	return false
}

// hostPattern is uri-host [":" port] of RFC 3986. What it lets pass need not be the name of a host that exists.
var hostPattern = regexp.MustCompile(`^(\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~%!$&'()*+,;=-]*)(:[0-9]*)?$`)

// method bounds what a caller can make of the metrics' labels. It is a copy: they outlive the request.
func method(c *fiber.Ctx) string {
	switch m := c.Method(); m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return strings.Clone(m)
	}
	return "other"
}

func validRequestID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Serve listens on address, which the named setting holds, until ctx ends; then it takes no more connections and gives
// running requests drainTimeout to end.
func Serve(app *fiber.App, log *slog.Logger, setting, address string) run.Runner {
	return func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", setting, err)
		}
		log.InfoContext(ctx, "serving", "address", listener.Addr().String())
		return ServeListener(ctx, app, log, listener)
	}
}

// ServeListener is Serve on a listener, which it closes.
func ServeListener(ctx context.Context, app *fiber.App, log *slog.Logger, listener net.Listener) error {
	defer func() { _ = listener.Close() }() // the app doesn't when it is stopped before it served
	ended := make(chan error, 1)
	go func() {
		ended <- run.Catch(ctx, log, "server", func() error { return app.Listener(listener) })
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	if err := app.ShutdownWithTimeout(drainTimeout); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop serving on %s: %w", listener.Addr(), err)
	}
	return nil
}
