// Package httpapi has what the REST APIs of both services share: a fiber app with timeouts, probes, request metrics, an
// access log, panic recovery, and readers of bearer tokens and JSON bodies.
//
// NewApp creates the app. Observe must be its first middleware, so that it sees the errors and panics of all others.
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

const checkTimeout = 3 * time.Second

// HeaderRequestID has the request's id in the access log. The client may set it; otherwise Observe generates one.
const HeaderRequestID = "X-Request-Id"

// NewApp returns a fiber app with timeouts and limits. It sets no write timeout, which would end a stream of events.
func NewApp(cfg fiber.Config) *fiber.App {
	cfg.DisableStartupMessage = true
	cfg.DisablePreParseMultipartForm = true // no call has a form, and fiber would write its files before authentication
	cfg.ReadTimeout = 10 * time.Second
	cfg.IdleTimeout = 75 * time.Second
	cfg.ReadBufferSize = 48 << 10 // limit of all headers; a token may have 32 KiB
	return fiber.New(cfg)
}

// Observe returns the first middleware: trace and request ids, access log, request metrics, the checks of RFC 9112 that
// fasthttp omits, and panic recovery. The app's ErrorHandler gets panics as errors.
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
		ctx := telemetry.WithRequestID(telemetry.WithTraceparent(c.UserContext(), strings.Clone(c.Get(telemetry.HeaderTraceparent))), id)
		probe := isProbe(c.Path())
		var span telemetry.Span
		if !probe {
			ctx, span = telemetry.Start(ctx, "request", telemetry.Server)
		}
		c.SetUserContext(ctx)

		if err := run.Catch(ctx, log, "request", func() error { return next(c) }); err != nil {
			if err := run.Catch(ctx, log, "error handler", func() error { return c.App().ErrorHandler(c, err) }); err != nil {
				log.ErrorContext(ctx, "handle error", "error", err)
				c.Status(http.StatusInternalServerError)
			}
		}

		status, took, route := c.Response().StatusCode(), time.Since(start), c.Route().Path
		seconds.WithLabelValues(method(c), route, strconv.Itoa(status)).Observe(took.Seconds())
		if probe {
			return nil
		}
		log.InfoContext(ctx, "request", "method", c.Method(), "path", strings.Clone(c.Path()), "status", status,
			"took", took)
		span.SetName(method(c), route)
		span.SetInt("http.response.status_code", status)
		span.Set("request.id", id)
		var failure error
		if status >= http.StatusInternalServerError {
			failure = errServer
		}
		span.End(failure)
		return nil
	}
}

// errServer marks the span of a request that failed because of this service.
var errServer = errors.New("responded with a server error")

func isProbe(path string) bool { return path == LivePath || path == ReadyPath || path == HealthPath }

func next(c *fiber.Ctx) error {
	if err := checkMessage(&c.Request().Header); err != nil {
		c.Context().SetConnectionClose()
		return err
	}
	return c.Next()
}

// checkMessage rejects a request whose length or host is ambiguous: a proxy may interpret it differently and take a part of
// its body for the next request (RFC 9112, sections 3.2 and 6.3). fasthttp has already rejected repeated Content-Length,
// Transfer-Encoding and Host lines.
func checkMessage(h *fasthttp.RequestHeader) error {
	// fasthttp removes one of the two lines, but marks the connection to be closed if there were both.
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

// hasLine reports whether the raw headers have a line of this name.
func hasLine(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		if field, _, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(field, []byte(name)) {
			return true
		}
	}
	return false
}

// hostPattern is uri-host [":" port] of RFC 3986.
var hostPattern = regexp.MustCompile(`^(\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~%!$&'()*+,;=-]*)(:[0-9]*)?$`)

// method returns the method as a metric label, from a fixed set. It is a copy, because labels outlive the request.
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

// Listen listens on the address in a setting, and logs it. Errors name the setting.
func Listen(ctx context.Context, log *slog.Logger, setting, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", setting, err)
	}
	log.InfoContext(ctx, "serving", "address", listener.Addr().String())
	return listener, nil
}

// ServeListener serves app on the listener until ctx ends. Then it closes the listener, and waits up to drainTimeout for
// running requests. It returns an error that wraps context.DeadlineExceeded if some are still running then.
func ServeListener(ctx context.Context, app *fiber.App, log *slog.Logger, listener net.Listener, drainTimeout time.Duration) error {
	defer func() { _ = listener.Close() }() // the app does not if it is stopped before it serves
	ended := make(chan error, 1)
	go func() {
		ended <- run.Catch(ctx, log, "server", func() error { return app.Listener(listener) })
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	if err := app.ShutdownWithTimeout(drainTimeout); err != nil {
		return fmt.Errorf("shut down server on %s: %w", listener.Addr(), err)
	}
	return nil
}
