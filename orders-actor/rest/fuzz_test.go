package rest_test

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/feed"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest"
)

// The fuzz targets call the server's handler, with a real order database. No input may yield a 5xx response, and each 4xx
// response must be a problem with a code. FuzzDevVerify in package auth covers tokens.

type target struct {
	handle fasthttp.RequestHandler
	token  string
	id     string // of an existing order
}

func fuzzTarget(f *testing.F) target {
	f.Helper()
	db, err := orderdb.Open(f.Context(), filepath.Join(f.TempDir(), "view.db"))
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	dev, err := auth.NewDev([][]byte{tokenKey}, time.Now)
	require.NoError(f, err)
	token, _, err := dev.Mint(auth.User{ID: "otto", Role: auth.Operator})
	require.NoError(f, err)
	s := &server{TB: f, db: db, turns: &turns{db: db, states: map[string]order.State{}}}
	silent := slog.New(slog.DiscardHandler)
	serving, err := rest.New(rest.Options{Commands: s.turns, Operator: operators(s.turns), Reads: db, Feed: feed.New(db, silent), Verifier: dev, Dev: dev, Log: silent})
	require.NoError(f, err)
	serving.EndWaits()
	return target{handle: serving.Handler(), token: token, id: s.given("alice").ID}
}

func (to target) send(t *testing.T, method, uri string, body []byte, headers ...string) {
	t.Helper()
	var r fasthttp.Request
	r.Header.SetMethod(method)
	r.SetRequestURI(uri)
	r.Header.SetHost("localhost")
	r.Header.Set("Authorization", "Bearer "+to.token)
	if body != nil {
		r.Header.SetContentType("application/json")
		r.SetBody(body)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	var c fasthttp.RequestCtx
	c.Init(&r, nil, nil)
	to.handle(&c)

	status := c.Response.StatusCode()
	require.Less(t, status, 500, "%s", c.Response.Body())
	if status < 400 {
		return
	}
	var p api.Problem
	require.NoError(t, json.Unmarshal(c.Response.Body(), &p), "%s", c.Response.Body())
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Code)
	require.Less(t, len(c.Response.Body()), 64<<10, "limited size")
}

func FuzzCreateBody(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{tea, "{}", "null", `{"items":[{}]}`, tea[:40], strings.Replace(tea, "450", "1e3", 1), `{"items":[],"items":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { to.send(t, "POST", "/v1/orders", body) })
}

func FuzzCancelBody(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{`{"ids":["` + to.id + `"],"reason":"x"}`, `{"ids":[]}`, `{"reason":"x"}`, `{"ids":[null]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		to.send(t, "POST", "/v1/orders/cancel", body)
		to.send(t, "POST", "/v1/orders/"+to.id+"/cancel", body)
		to.send(t, "POST", "/v1/orders/"+to.id+"/reconcile", body)
	})
}

func FuzzTokenBody(f *testing.F) {
	to := fuzzTarget(f)
	f.Add([]byte(`{"user":"alice","role":"customer"}`))
	f.Add([]byte(`{"user":"<b>","role":"root"}`))
	f.Fuzz(func(t *testing.T, body []byte) { to.send(t, "POST", "/v1/dev/token", body) })
}

func FuzzQuery(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{
		"status=created&status=confirmed", "q=tea&from=2026-11-24T09:30:00Z&to=2027-11-24T09:30:00%2B01:00", "sort=-total&currency=EUR&limit=1&cursor=x", "minTotal=1&maxTotal=2&payment=voided&cancelledBy=operator&dueBefore=2026-11-24T09:30:00Z",
		"customer=%00", "q=%ff", "limit=99999999999999999999", "%=%&&==", "from=0000-01-01T00:00:00Z", "to=2026-12-31t23:59:60.5z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) { to.send(t, "GET", "/v1/orders?"+query, nil) })
}

func FuzzCursor(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{"", "0", "1", "-1", "AAAA", "eyJhIjoxfQ", "..", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		escaped := string(fasthttp.AppendQuotedArg(nil, []byte(cursor)))
		to.send(t, "GET", "/v1/orders?cursor="+escaped, nil)
		to.send(t, "GET", "/v1/orders/events?after="+escaped, nil)
		to.send(t, "GET", "/v1/orders/events", nil, "Last-Event-ID", cursor)
	})
}

func FuzzPath(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{to.id, strings.ToUpper(to.id), "events", "..", "%2e%2e%2f", "urn:uuid:" + to.id, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		to.send(t, "GET", "/v1/orders/"+id+"/status", nil)
		to.send(t, "POST", "/v1/orders/"+id+"/cancel", nil)
		to.send(t, "GET", "/v1/orders/"+id+"/inspect", nil)
	})
}

func FuzzHeaders(f *testing.F) {
	to := fuzzTarget(f)
	for _, seed := range []string{`"1"`, `W/"1", "2"`, "*", "wait=30", "respond-async, wait=\"5\"; x", "wait=-1", "text/csv;q=0", "application/json, */*;q=0.1", "gzip", "key-1", "Bearer x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"If-None-Match", "Prefer", "Accept", "X-Request-Id", "traceparent", "Authorization", "Accept-Encoding"} {
			to.send(t, "GET", "/v1/orders/"+to.id, nil, name, value)
		}
		to.send(t, "POST", "/v1/orders/"+to.id+"/cancel", nil, "If-Match", value)
		for _, name := range []string{"Idempotency-Key", "Content-Type", "Content-Encoding"} {
			to.send(t, "POST", "/v1/orders", []byte(tea), name, value)
		}
	})
}
