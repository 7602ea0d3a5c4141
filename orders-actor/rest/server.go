// Package rest serves the REST API of orders, as described by api/openapi.yaml, with Fiber. New builds a server from its
// dependencies, and Serve runs it until its context ends.
//
//   - Handlers read from the order database. Only creates, cancels, inspections and repairs take a turn of the order.
//   - Customers access their own orders only. The orders of others are answered with 404, like orders that do not exist.
//   - Errors become responses in one place, errors.go. All of them are problems of RFC 9457.
//   - Request bodies, parameters, running calls, long polls, streams, exports and searches are limited, and all work has a
//     timeout. A call over a limit is refused at once with Retry-After.
//   - Requests for counts share queries; see package counts.
//   - Long polls and streams share one feed per replica, so that their number does not change the load of the database.
//
// The packages below this one do not know the API: request reads requests, limit counts calls, cursor encrypts cursors,
// browser protects browsers, ordercsv formats exports. Package operator has the handlers for operators,
// package storefront the catalogue, package webhooks those of webhooks.
package rest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/prometheus/client_golang/prometheus"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/telemetry"
	"orders/orders-actor/apidocs"
	"orders/orders-actor/auth"
	"orders/orders-actor/catalogue"
	"orders/orders-actor/counts"
	"orders/orders-actor/feed"
	"orders/orders-actor/order"
	"orders/orders-actor/rest/browser"
	"orders/orders-actor/rest/cursor"
	"orders/orders-actor/rest/limit"
	"orders/orders-actor/rest/operator"
	"orders/orders-actor/rest/request"
	"orders/orders-actor/rest/storefront"
	"orders/orders-actor/rest/webhooks"
)

const (
	// MaxBody is the largest request body in bytes: the largest order that the contract allows, in the longest encoding
	// that JSON has, rounded up to 64 KiB.
	MaxBody = (order.MaxItems*((order.MaxSKU+order.MaxName)*maxRuneBytes+itemOverhead) + 64<<10 - 1) &^ (64<<10 - 1)

	maxRuneBytes = len(`\ud83d\ude00`) // an escaped character beyond 16 bits
	itemOverhead = 1 << 10             // names, numbers, punctuation and indentation of an item

	callTimeout  = 15 * time.Second // for the work of a call, without the wait of a long poll
	drainTimeout = 10 * time.Second
)

// Options are the dependencies and settings of a server.
type Options struct {
	Commands Commands
	Reads    Reads
	Operator operator.Handlers // Log, Now and Readers are set by New
	Webhooks webhooks.Handlers
	Feed     *feed.Feed
	Verifier auth.Verifier
	Dev      *auth.Dev      // issues dev tokens; nil disables them
	OIDC     api.OidcConfig // tells the SPA how to sign in when Dev is nil

	TokenEndpoint func() string // URL of the issuer's token endpoint, empty if it is not known yet; required when Dev is nil
	Log           *slog.Logger

	Catalogue        *catalogue.Catalogue // nil for the default one
	EnforceCatalogue bool                 // customers may order only what is in the catalogue, at its prices

	Checks   []httpapi.Check      // reported by /healthz; the service is ready once each has succeeded
	Registry *prometheus.Registry // for the HTTP metrics; nil for a new one
	SPA      fiber.Handler        // serves all paths outside of the API; may be nil

	CursorKeys [][]byte // the first key encrypts cursors, each of them decrypts; empty for a random key

	RateLimit   int      // requests per user and minute; 0 for no limit
	MaxInFlight int      // concurrent calls; 0 for 256
	MaxWaiting  int      // concurrent long polls and streams, and of requests for counts; 0 for 2048
	MaxPerUser  int      // the same of one user; 0 for 100
	CORSOrigins []string // other origins whose pages may call the API
	DevHosts    []string // host names that requests may have when Dev is set, besides loopback names; "*" allows any

	// For tests; nil or 0 for the production values.
	Now                 func() time.Time
	Heartbeat           time.Duration // the interval of heartbeats in a stream
	StreamLifetime      time.Duration // of a stream, at most; at least 4/5 of it
	WriteTimeout        time.Duration // of one write to a connection
	ClientCheckInterval time.Duration // between two checks whether the client of a long poll or stream has disconnected
}

// Server serves the API.
type Server struct {
	Options
	app      *fiber.App
	rates    *limit.Rates
	calls    limit.Calls
	waits    *limit.Slots // of long polls and streams
	exports  *limit.Slots
	searches *limit.Slots
	counting *limit.Slots // requests for counts
	counter  *counts.Counter
	cursors  *cursor.Sealer
	shop     *storefront.Shop
	stopping chan struct{} // closed when Serve begins to stop
}

// New returns a server that does not listen yet.
func New(o Options) (*Server, error) {
	o.setDefaults()
	cursors, err := cursor.New(o.CursorKeys)
	if err != nil {
		return nil, err
	}
	shop, err := storefront.New(o.Catalogue, o.EnforceCatalogue)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Options:  o,
		shop:     shop,
		rates:    limit.NewRates(o.RateLimit, o.Now),
		calls:    make(limit.Calls, o.MaxInFlight),
		waits:    limit.NewSlots("streams and long polls", o.MaxWaiting, o.MaxPerUser),
		exports:  limit.NewSlots("exports", maxExports, maxExportsPerUser),
		searches: limit.NewSlots("searches", o.MaxInFlight, maxSearchesPerUser),
		counting: limit.NewSlots("requests for counts", o.MaxWaiting, o.MaxPerUser),
		cursors:  cursors,
		stopping: make(chan struct{}),
	}
	s.counter = counts.New(o.Reads, s.searches, o.Log)
	s.app = httpapi.NewApp(fiber.Config{
		CaseSensitive: true,
		BodyLimit:     MaxBody,
		WriteTimeout:  o.WriteTimeout, // streams extend it with each write
		ErrorHandler:  s.sendError,
	})
	if err := s.addRoutes(); err != nil {
		return nil, err
	}
	s.app.Server().Handler = request.RewriteUnknownMethods(s.app.Server().Handler)
	return s, nil
}

func (o *Options) setDefaults() {
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 256)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 2048)
	o.MaxPerUser = cmp.Or(o.MaxPerUser, 100)
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	o.StreamLifetime = cmp.Or(o.StreamLifetime, 15*time.Minute)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.ClientCheckInterval = cmp.Or(o.ClientCheckInterval, 2*time.Second)
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Catalogue == nil {
		o.Catalogue = catalogue.Default()
	}
	if o.Registry == nil {
		o.Registry = telemetry.NewRegistry()
	}
	o.Operator.Log, o.Operator.Now, o.Operator.Readers = o.Log, o.Now, o.Feed.Followers
}

// Serve serves on l until ctx ends. Then it ends long polls and streams, and waits for running calls for a limited time.
// It must be called once only.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { close(s.stopping) })()
	err := httpapi.ServeListener(ctx, s.app, s.Log, l, drainTimeout)
	if errors.Is(err, context.DeadlineExceeded) { // clients that are too slow to read their response are disconnected
		return nil
	}
	return err
}

func (s *Server) addRoutes() error {
	docs, err := apidocs.New()
	if err != nil {
		return err
	}
	s.app.Use(httpapi.Observe(s.Log, s.Registry), s.setSecurityHeaders, request.JoinLines,
		compress.New(compress.Config{Level: compress.LevelBestSpeed}))
	httpapi.Probes(s.app, s.Log, s.Registry, s.stopping, s.Checks...)
	for _, path := range []string{httpapi.LivePath, httpapi.ReadyPath, httpapi.HealthPath} {
		s.refuseOtherMethods(path, fiber.MethodGet, fiber.MethodHead)
	}
	if s.Dev != nil && !slices.Contains(s.DevHosts, "*") {
		s.app.Use(browser.CheckHost(s.DevHosts))
	}
	if len(s.CORSOrigins) > 0 {
		s.app.Use("/v1", browser.CORS(s.CORSOrigins))
	}
	s.addRoute("/openapi.yaml", get(docs.Contract))
	s.addRoute("/docs", get(docs.Page))
	s.addRoute("/docs/style.css", get(docs.Style))
	s.addRoute("/v1/session", get(s.signedIn(onlyJSON(s.getSession))))
	s.addRoute("/v1/session/config", get(s.public(s.getSessionConfig)))
	if s.Dev != nil {
		s.addRoute("/v1/dev/token", post(s.public(s.createDevToken)))
	}
	s.addRoute("/v1/orders", get(s.signedIn(s.listOrders)), post(s.signedIn(onlyJSON(s.createOrder))))
	s.addRoute("/v1/orders/cancel", post(s.signedIn(onlyJSON(s.cancelOrders))))
	s.addRoute("/v1/catalogue", get(s.signedIn(onlyJSON(s.shop.Catalogue))))
	s.addRoute("/v1/orders/counts", get(s.shared(s.counting, onlyJSON(s.countOrders))))
	s.addRoute("/v1/orders/events", get(s.waitableOrStream(s.followOrders)))
	s.addRoute("/v1/orders/:id", get(s.waitable(onlyJSON(s.getOrder))))
	s.addRoute("/v1/orders/:id/status", get(s.waitable(onlyJSON(s.getOrderStatus))))
	s.addRoute("/v1/orders/:id/cancel", post(s.signedIn(onlyJSON(s.cancelOrder))))
	s.addRoute("/v1/stats", get(s.signedIn(onlyJSON(operator.Only(s.Operator.Stats)))))
	s.addRoute("/v1/orders/:id/inspect", get(s.signedIn(onlyJSON(operator.Only(s.Operator.Inspect)))))
	s.addRoute("/v1/orders/:id/reconcile", post(s.signedIn(onlyJSON(operator.Only(s.Operator.Reconcile)))))
	for path, operations := range s.Webhooks.Routes() {
		admitted := make([]operation, len(operations))
		for i, o := range operations {
			admitted[i] = operation{o.Methods, s.signedIn(onlyJSON(operator.Only(o.Handle)))}
		}
		s.addRoute(path, admitted...)
	}
	s.app.Use(s.serveSPA)
	return nil
}

// csp returns the Content-Security-Policy. The SPA connects to the issuer and its token endpoint.
func (s *Server) csp() string {
	if s.TokenEndpoint == nil {
		return browser.CSP()
	}
	return browser.CSP(s.OIDC.Issuer, s.TokenEndpoint())
}

func (s *Server) setSecurityHeaders(c *fiber.Ctx) error {
	browser.SetHeaders(c, s.csp())
	return c.Next()
}

// operation is what a path does for some methods.
type operation struct {
	methods []string
	handler fiber.Handler
}

func get(h fiber.Handler) operation {
	return operation{[]string{fiber.MethodGet, fiber.MethodHead}, h}
}
func post(h fiber.Handler) operation { return operation{[]string{fiber.MethodPost}, h} }

// addRoute registers all operations of a path. Other methods are answered with 405 and Allow. Fiber's own 405 is not sent
// when a later route, here serveSPA, matches all paths.
func (s *Server) addRoute(path string, operations ...operation) {
	var allow []string
	for _, o := range operations {
		for _, method := range o.methods {
			s.app.Add(method, path, o.handler)
		}
		allow = append(allow, o.methods...)
	}
	s.refuseOtherMethods(path, allow...)
}

func (s *Server) refuseOtherMethods(path string, allow ...string) {
	s.app.All(path, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, strings.Join(allow, ", "))
		return fiber.ErrMethodNotAllowed
	})
}

// serveSPA serves the paths outside of the API: pages and files of the SPA.
func (s *Server) serveSPA(c *fiber.Ctx) error {
	inAPI := c.Path() == "/v1" || strings.HasPrefix(c.Path(), "/v1/")
	isGet := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	switch {
	case inAPI || s.SPA == nil:
		return fiber.ErrNotFound
	case !isGet:
		c.Set(fiber.HeaderAllow, "GET, HEAD")
		return fiber.ErrMethodNotAllowed
	}
	return s.SPA(c)
}
