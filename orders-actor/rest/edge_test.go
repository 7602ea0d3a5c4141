package rest_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/httpapi"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

func TestExportHasAllOrdersOfCustomer(t *testing.T) {
	s := start(t)
	s.given("alice", order.Item{SKU: "=1+1", Name: "a, \"quoted\" name;=1+(1", Quantity: 3, UnitPrice: 100})
	cancelled := s.given("alice")
	s.call("alice", "POST", "/v1/orders/"+cancelled.ID+"/cancel", `{"reason":"=HYPERLINK(\"http://example.com\")"}`)
	s.given("bob")

	a := s.call("alice", "GET", "/v1/orders?sort=created&limit=1", "", "Accept", "text/csv")
	assert.Equal(t, "text/csv; charset=utf-8", a.Header.Get("Content-Type"))
	assert.Equal(t, `attachment; filename="orders.csv"`, a.Header.Get("Content-Disposition"))
	text, marked := strings.CutPrefix(string(a.body), "\ufeff")
	assert.True(t, marked, "spreadsheets need the byte order mark")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3, "limit does not apply to exports, and the order of bob is not included")
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	assert.Equal(t, `3 x =1+1 (a, "quoted" name;'=1+(1)`, rows[1][column["items"]])
	assert.Equal(t, `'=HYPERLINK("http://example.com")`, rows[2][column["cancelReason"]])
	assert.Equal(t, "customer", rows[2][column["cancelledBy"]])
	assert.Equal(t, "EUR", rows[2][column["currency"]])
	assert.Equal(t, "9.00", rows[2][column["totalDecimal"]])
}

func TestExportIsCompressed(t *testing.T) {
	s := start(t)
	for range 50 {
		s.given("alice")
	}
	r := s.request("alice", "GET", "/v1/orders", "", "Accept", "text/csv", "Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	compressed, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	assert.Less(t, len(compressed), 50*100)
}

func TestListIsCompressed(t *testing.T) {
	s := start(t)
	for range 20 {
		s.given("alice")
	}
	for _, encoding := range []string{"gzip", "br"} {
		res, err := http.DefaultClient.Do(s.request("alice", "GET", "/v1/orders", "", "Accept-Encoding", encoding))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, encoding, res.Header.Get("Content-Encoding"))
		assert.Contains(t, strings.Join(res.Header.Values("Vary"), ","), "Accept-Encoding")
	}
}

func TestRateLimitRefusesAndRecovers(t *testing.T) {
	now := time.Now()
	s := start(t, func(o *rest.Options) { o.RateLimit, o.Now = 3, func() time.Time { return now } })
	for left := 2; left >= 0; left-- {
		a := s.call("alice", "GET", "/v1/orders", "")
		require.Equal(t, 200, a.StatusCode)
		assert.Equal(t, "3", a.Header.Get("RateLimit-Limit"))
		assert.Equal(t, string(rune('0'+left)), a.Header.Get("RateLimit-Remaining"))
	}
	a := s.call("alice", "GET", "/v1/orders", "")
	require.Equal(t, 429, a.StatusCode)
	assert.EqualValues(t, "rate-limited", a.problem(t).Code)
	assert.Equal(t, "20", a.Header.Get("Retry-After"))
	assert.Equal(t, "60", a.Header.Get("RateLimit-Reset"))
	assert.Equal(t, 200, s.call("bob", "GET", "/v1/orders", "").StatusCode, "users have separate limits")
	now = now.Add(20 * time.Second)
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "").StatusCode)
}

func TestWaitingCallsDoNotBlockOtherCalls(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.MaxInFlight, o.MaxWaiting = 1, 1 })
	r := s.stream("alice", "/v1/orders/events")
	require.True(t, r.frame(&api.OrderSummary{}))
	a := s.call("alice", "GET", "/v1/orders/events", "", "Prefer", "wait=30")
	require.Equal(t, 503, a.StatusCode)
	assert.EqualValues(t, "overloaded", a.problem(t).Code)
	assert.Equal(t, "1", a.Header.Get("Retry-After"))
	assert.Equal(t, 200, s.call("alice", "GET", "/v1/orders", "").StatusCode)
}

func TestCORSAllowsConfiguredOriginsOnly(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.CORSOrigins = []string{"https://shop.example.com"} })
	for origin, allowed := range map[string]string{"https://shop.example.com": "https://shop.example.com", "https://example.com": ""} {
		r := s.request("", "OPTIONS", "/v1/orders", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "Idempotency-Key")
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, allowed, res.Header.Get("Access-Control-Allow-Origin"))
	}
	a := s.call("alice", "GET", "/v1/orders", "", "Origin", "https://shop.example.com")
	assert.Equal(t, "https://shop.example.com", a.Header.Get("Access-Control-Allow-Origin"))
	assert.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "ETag")
}

// With DNS rebinding a foreign page reaches this server under its own host name. It must not get a dev token.
func TestDevModeRefusesUnknownHosts(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.DevHosts = []string{"Shop.example.com"} })
	anyHost := start(t, func(o *rest.Options) { o.DevHosts = []string{"*"} })
	oidc := start(t, func(o *rest.Options) { o.Dev = nil })
	status := func(s *server, path, host string) int {
		r := s.request("", "POST", path, `{"user":"alice","role":"operator"}`)
		if path != "/v1/dev/token" {
			r = s.request("", "GET", path, "")
		}
		r.Host = host
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	for _, host := range []string{
		"localhost", "LOCALHOST:8080", "localhost.", "orders.localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8080", "[::ffff:127.0.0.1]",
		"shop.example.com", "SHOP.EXAMPLE.COM:443",
	} {
		assert.Equal(t, 200, status(s, "/v1/dev/token", host), host)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7:8080", "x.shop.example.com", "notlocalhost", "0.0.0.0", "[::]"} {
		assert.Equal(t, 403, status(s, "/v1/dev/token", host), host)
		assert.Equal(t, 403, status(s, "/openapi.yaml", host), host)
		assert.Equal(t, 200, status(s, "/livez", host), "probes use an address")
		assert.Equal(t, 200, status(anyHost, "/v1/dev/token", host), host)
		assert.Equal(t, 200, status(oidc, "/v1/session/config", host), host)
	}
}

// An absolute request target overrides the Host header (RFC 9112, section 3.2.2).
func TestDevModeChecksHostOfRequestTarget(t *testing.T) {
	s := start(t)
	for target, status := range map[string]int{
		"http://localhost/openapi.yaml": 200, "http://evil.example/openapi.yaml": 403, "//evil.example/://x": 403, "//evil.example/x": 404,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(waitLimit)))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, status, res.StatusCode, target)
		require.NoError(t, conn.Close())
	}
}

func TestOIDCModeOffersIssuerAndNoDevToken(t *testing.T) {
	tokenEndpoint := ""
	s := start(t, func(o *rest.Options) {
		o.Dev = nil
		o.OIDC = api.OidcConfig{Issuer: "https://login.example.com/realm", ClientID: "web", Audience: "orders", Scope: "openid"}
		o.TokenEndpoint = func() string { return tokenEndpoint }
	})
	config := s.call("", "GET", "/v1/session/config", "")
	assert.JSONEq(t, `{"authMode":"oidc","oidc":{"issuer":"https://login.example.com/realm","clientId":"web","audience":"orders","scope":"openid"}}`, string(config.body))
	assert.Contains(t, config.Header.Get("Content-Security-Policy"), "connect-src 'self' https://login.example.com;")
	for endpoint, sources := range map[string]string{
		"https://login.example.com/realm/token": "'self' https://login.example.com;",
		"https://tokens.example.com/oauth2":     "'self' https://login.example.com https://tokens.example.com;",
	} {
		tokenEndpoint = endpoint
		assert.Contains(t, s.call("", "GET", "/", "").Header.Get("Content-Security-Policy"), "connect-src "+sources)
	}
	assert.Equal(t, 404, s.call("", "POST", "/v1/dev/token", `{"user":"alice","role":"operator"}`).StatusCode)
}

// Reads and the SPA must stay available while a dependency is down. If it made all replicas unready, nothing would be.
func TestReplicaStaysReadyWhileDependencyFails(t *testing.T) {
	var hosted atomic.Bool
	s := start(t, func(o *rest.Options) {
		o.Checks = []httpapi.Check{{Name: "actors", Run: func(context.Context) error {
			if !hosted.Load() {
				return errors.New("not hosted at 10.0.0.7")
			}
			return nil
		}}, {Name: "order-db", Run: func(context.Context) error { return nil }}}
	})
	a := s.call("", "GET", "/readyz", "")
	assert.Equal(t, 503, a.StatusCode, "not ready before all checks have succeeded once")
	assert.Equal(t, "not ready: actors\n", string(a.body))
	hosted.Store(true)
	assert.Equal(t, 200, s.call("", "GET", "/readyz", "").StatusCode)
	hosted.Store(false)
	assert.Equal(t, 200, s.call("", "GET", "/readyz", "").StatusCode)
	a = s.call("", "GET", "/healthz", "")
	assert.Equal(t, 503, a.StatusCode)
	assert.Equal(t, "actors: failing\norder-db: ok\n", string(a.body))
	assert.Equal(t, 200, s.call("", "GET", "/livez", "").StatusCode)
}

// unreachable is an order database whose server is down.
type unreachable struct{ rest.Reads }

var errUnreachable = fmt.Errorf("connection refused: %w", orderdb.ErrUnavailable)

func (unreachable) Head(context.Context) (string, error) { return "", errUnreachable }

func (unreachable) Get(context.Context, string) (order.Order, error) {
	return order.Order{}, errUnreachable
}

func (unreachable) List(context.Context, orderdb.Query) (orderdb.Page, error) {
	return orderdb.Page{}, errUnreachable
}

func (unreachable) Counts(context.Context, orderdb.Filter) (orderdb.Counts, error) {
	return orderdb.Counts{}, errUnreachable
}

func TestReadsAre503WhileDatabaseIsDown(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.Reads = unreachable{o.Reads} })
	for _, path := range []string{"/v1/orders", "/v1/orders/counts", "/v1/orders/01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77", "/v1/orders/events"} {
		a := s.call("alice", "GET", path, "")
		assert.Equal(t, 503, a.StatusCode, "%s", a.body)
		assert.Equal(t, "2", a.Header.Get("Retry-After"))
		assert.NotContains(t, string(a.body), "refused")
	}
}

func TestInvalidHTTPYieldsProblem(t *testing.T) {
	s := start(t)
	for name, test := range map[string]struct {
		sent   string
		status int
	}{
		"huge headers": {"GET /v1/orders HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 60_000) + "\r\n\r\n", 413},
		"not HTTP":     {"hello\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(waitLimit)))
			_, err = io.WriteString(conn, test.sent)
			require.NoError(t, err)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer func() { _ = answer.Body.Close() }()
			assert.Equal(t, test.status, answer.StatusCode)
			assert.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
			assert.NotEmpty(t, answer.Header.Get("X-Request-Id"))
		})
	}
}
