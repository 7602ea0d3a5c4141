// Package rest is the REST face of the orders: the contract of api/openapi.yaml served with Fiber.
//
// It guarantees:
//
//   - Every answer is one that the contract names; every error is problem+json, made in one place (errors.go).
//   - Input is bounded and read strictly before anything is done with it.
//   - A customer sees and touches their own orders only; that of others is 404, as if it weren't there.
//   - Reads never take an order's turn: they come from the order database.
//   - Readers who wait (long polls, streams) cost no database work while nothing happens, and none that grows with their
//     number when something does: one feed of the event log per replica serves them all.
//   - Everything is bounded: calls at once, calls that wait, exports, each user's rate, what a reader may leave unread, and
//     how long anything takes. What doesn't fit is refused at once with Retry-After.
//   - Serve returns soon after its context is done; streams and waits end cleanly then.
package rest

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/telemetry"
	"orders/orders-actor/apidocs"
	"orders/orders-actor/auth"
	"orders/orders-actor/feed"
	"orders/orders-actor/order"
)

const (
	// MaxBody is how many bytes a request's body may have: enough for the largest order that the contract allows in the
	// longest encoding that JSON has for it, in steps of 64 KiB.
	MaxBody = (order.MaxItems*((order.MaxSKU+order.MaxName)*longestRune+itemOverhead) + 64<<10 - 1) &^ (64<<10 - 1)

	longestRune  = len(`\ud83d\ude00`) // a character beyond 16 bits, escaped
	itemOverhead = 1 << 10             // all else of an item: names, numbers, punctuation, white space of an indented text

	callTimeout = 15 * time.Second // for what a call asks of others
)

// Options are what the server stands on.
type Options struct {
	Commands Commands
	Reads    Reads
	Feed     *feed.Feed
	Verifier auth.Verifier
	Dev      *auth.Dev      // offers dev tokens; nil unless that is the mode
	OIDC     api.OidcConfig // what the SPA needs to sign in when Dev is nil
	Log      *slog.Logger

	Checks   []httpapi.Check      // what /healthz reports, and what must have passed once before the service is ready
	Registry *prometheus.Registry // takes the metrics of HTTP; nil for one that is new
	SPA      fiber.Handler        // answers what is no call of ours

	CursorKeys [][]byte // the first one encrypts cursors, each decrypts them; nil for a random one

	RateLimit   int      // requests per user and minute; 0 for no limit
	MaxInFlight int      // calls at once; 0 for 256
	MaxWaiting  int      // long polls and streams at once; 0 for 2048
	MaxPerUser  int      // of them by one user; 0 for 100
	CORSOrigins []string // other origins that may call from a browser; empty for none
	DevHosts    []string // host names that requests may be for when Dev is set, besides loopback names; "*" is any

	// For tests; nil or 0 for what production has.
	Now          func() time.Time
	Heartbeat    time.Duration // of a stream where nothing happens
	StreamLife   time.Duration // at most, and 4/5 of it at least
	WriteTimeout time.Duration // for the network to take what is written
	LookEvery    time.Duration // at the connection of a call that waits: is the client still there?
}

// Server serves the contract.
type Server struct {
	Options
	app      *fiber.App
	rates    *rates
	calls    gate
	waits    *places
	exports  *places
	searches *places
	cursors  *cursors
	csp      string
	stopping chan struct{} // closed when Serve winds down
}

// New makes a server that doesn't serve yet.
func New(o Options) (*Server, error) {
	o.defaults()
	cursors, err := newCursors(o.CursorKeys)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Options:  o,
		rates:    newRates(o.RateLimit, o.Now),
		calls:    newGate(o.MaxInFlight),
		waits:    newPlaces("streams and long polls", o.MaxWaiting, o.MaxPerUser),
		exports:  newPlaces("exports", maxExports, maxExportsPerUser),
		searches: newPlaces("searches", o.MaxInFlight, maxSearchesPerUser),
		cursors:  cursors,
		csp:      csp(o.OIDC.Issuer),
		stopping: make(chan struct{}),
	}
	s.app = httpapi.NewApp(fiber.Config{
		CaseSensitive: true,
		BodyLimit:     MaxBody,
		WriteTimeout:  o.WriteTimeout, // streams renew it with each write
		ErrorHandler:  s.fail,
	})
	if err := s.routes(); err != nil {
		return nil, err
	}
	s.app.Server().Handler = knownMethods(s.app.Server().Handler)
	return s, nil
}

func (o *Options) defaults() {
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 256
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 2048
	}
	if o.MaxPerUser == 0 {
		o.MaxPerUser = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.StreamLife == 0 {
		o.StreamLife = 15 * time.Minute
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.LookEvery == 0 {
		o.LookEvery = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Registry == nil {
		o.Registry = telemetry.NewRegistry()
	}
}

// Serve serves on l until ctx ends. Streams and waits end then, and running calls get a bounded time. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { close(s.stopping) })()
	return httpapi.ServeListener(ctx, s.app, s.Log, l)
}

func (s *Server) routes() error {
	docs, err := apidocs.New()
	if err != nil {
		return err
	}
	s.app.Use(httpapi.Observe(s.Log, s.Registry), s.secured, joined, compressed())
	httpapi.Probes(s.app, s.Log, s.Registry, s.stopping, s.Checks...)
	for _, path := range []string{httpapi.LivePath, httpapi.ReadyPath, httpapi.HealthPath} {
		s.refuseOthers(path, fiber.MethodGet, fiber.MethodHead)
	}
	if s.Dev != nil && !slices.Contains(s.DevHosts, "*") {
		s.app.Use(s.checkHost)
	}
	if len(s.CORSOrigins) > 0 {
		s.app.Use("/v1", crossOrigin(s.CORSOrigins))
	}
	s.route("/openapi.yaml", get(docs.Contract))
	s.route("/docs", get(docs.Page))
	s.route("/docs/style.css", get(docs.Style))
	s.route("/v1/session", get(s.signedIn(s.getSession)))
	s.route("/v1/session/config", get(s.public(s.sessionConfig)))
	if s.Dev != nil {
		s.route("/v1/dev/token", post(s.public(s.createDevToken)))
	}
	s.route("/v1/orders", get(s.signedIn(s.listOrders)), post(s.signedIn(s.createOrder)))
	s.route("/v1/orders/cancel", post(s.signedIn(s.cancelOrders)))
	s.route("/v1/orders/events", get(s.patientOrStream(s.followOrders)))
	s.route("/v1/orders/:id", get(s.patient(s.getOrder)))
	s.route("/v1/orders/:id/status", get(s.patient(s.getOrderStatus)))
	s.route("/v1/orders/:id/cancel", post(s.signedIn(s.cancelOrder)))
	s.app.Use(s.fallback)
	return nil
}

// call is what a path does for one method.
type call struct {
	methods []string
	handler fiber.Handler
}

func get(h fiber.Handler) call  { return call{[]string{fiber.MethodGet, fiber.MethodHead}, h} }
func post(h fiber.Handler) call { return call{[]string{fiber.MethodPost}, h} }

// route registers all that a path does; any other method is told what that is. (Fiber's own 405 gives way to the
// fallback behind all paths.)
func (s *Server) route(path string, calls ...call) {
	var allow []string
	for _, c := range calls {
		for _, method := range c.methods {
			s.app.Add(method, path, c.handler)
		}
		allow = append(allow, c.methods...)
	}
	s.refuseOthers(path, allow...)
}

func (s *Server) refuseOthers(path string, allow ...string) {
	s.app.All(path, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, strings.Join(allow, ", "))
		return fiber.ErrMethodNotAllowed
	})
}

// fallback answers for all paths that aren't calls: pages and files of the SPA.
func (s *Server) fallback(c *fiber.Ctx) error {
	isCall := c.Path() == "/v1" || strings.HasPrefix(c.Path(), "/v1/")
	isGet := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	switch {
	case isCall || s.SPA == nil:
		return fiber.ErrNotFound
	case !isGet:
		c.Set(fiber.HeaderAllow, "GET, HEAD")
		return fiber.ErrMethodNotAllowed
	}
	return s.SPA(c)
}

// knownMethods keeps a method that fiber has no routes for from its own answer, which is no problem and passes by all
// that every answer has: it goes on as TRACE, which nothing takes.
func knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		if !slices.Contains(fiber.DefaultMethods, string(c.Method())) {
			c.Request.Header.SetMethod(fiber.MethodTrace)
		}
		next(c)
	}
}
