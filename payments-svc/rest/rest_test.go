package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/onbehalf"
	"orders/kit/httpapi/problem"
	"orders/kit/telemetry"
	"orders/payments-svc/payment"
	"orders/payments-svc/payment/paymenttest"
)

const (
	id       = "019364d2-7a1c-7c3a-9a51-2f1f0a6d3b11"
	otherID  = "019364d2-7a1c-7c3a-9a51-2f1f0a6d3b12"
	appToken = "the-sidecars-token"
	path     = "/payments/" + id
	body     = `{"amount":900,"currency":"EUR"}`
)

var (
	key    = bytes.Repeat([]byte("k"), onbehalf.MinKey)
	now    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	claims = onbehalf.Claims{OrderID: id, User: "alice", Amount: 900, Currency: "EUR"}
)

// knownLedger is the id of a ledger.
type knownLedger string

func (l knownLedger) Check(_ context.Context, known string) (string, error) {
	if known != "" && known != string(l) {
		return "", payment.ErrOtherLedger
	}
	return string(l), nil
}

// api is a server with payments in memory.
type api struct {
	*Server
	store   *paymenttest.Store
	process func(context.Context) error // called for each decision
}

func newAPI() *api {
	a := &api{store: &paymenttest.Store{}, process: func(context.Context) error { return nil }}
	clock := func() time.Time { return now }
	a.Server = New(Options{
		Payments: &payment.Service{
			Store: a.store, Confirm: func() bool { return true }, Now: clock,
			Process: func(ctx context.Context) error { return a.process(ctx) },
		},
		Ledger: knownLedger("l-1"), Keys: [][]byte{key}, AppToken: appToken, Now: clock,
		Log: slog.New(slog.DiscardHandler), Registry: telemetry.NewRegistry(),
	})
	return a
}

func mint(t *testing.T, c onbehalf.Claims, at time.Time) string {
	t.Helper()
	token, err := onbehalf.Mint(key, c, at)
	require.NoError(t, err)
	return token
}

// call sends a request, which is valid unless change modifies it.
func (a *api) call(t *testing.T, method, path, body string, change func(*http.Request)) (status int, got string, header http.Header) {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Dapr-Api-Token", appToken)
	req.Header.Set("Authorization", "Bearer "+mint(t, claims, now))
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	resp, err := a.app.Test(req, -1)
	require.NoError(t, err)
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, string(data), resp.Header
}

func TestPayVoidAndRead(t *testing.T) {
	a := newAPI()
	const confirmed = `{"orderId":"` + id + `","status":"confirmed","amount":900,"currency":"EUR","decidedAt":"2026-11-24T12:00:00Z",
		"entries":[{"kind":"charged","amount":900,"at":"2026-11-24T12:00:00Z"}]}`
	for range 2 {
		status, got, _ := a.call(t, "PUT", path, body, nil)
		require.Equal(t, 200, status, got)
		require.JSONEq(t, confirmed, got)
	}
	status, got, _ := a.call(t, "GET", path, "", nil)
	require.Equal(t, 200, status, got)
	require.JSONEq(t, confirmed, got)

	for range 2 {
		status, got, _ = a.call(t, "POST", path+"/void", "", nil)
		require.Equal(t, 200, status, got)
		require.JSONEq(t, `{"orderId":"`+id+`","status":"voided","amount":900,"currency":"EUR","decidedAt":"2026-11-24T12:00:00Z",
			"entries":[{"kind":"charged","amount":900,"at":"2026-11-24T12:00:00Z"},{"kind":"voided","amount":900,"at":"2026-11-24T12:00:00Z"}]}`, got)
	}
}

// RFC 8259, section 8.1, allows to ignore the mark; RFC 9110, section 8.4.1, reserves identity for no encoding.
func TestPayAcceptsByteOrderMarkAndIdentityEncoding(t *testing.T) {
	status, got, _ := newAPI().call(t, "PUT", path, "\ufeff"+body, func(r *http.Request) { r.Header.Set("Content-Encoding", "Identity") })
	require.Equal(t, 200, status, got)
}

// A caller that knows another ledger has payments that are not in this one.
func TestOtherLedgerIsRefused(t *testing.T) {
	a := newAPI()
	for _, call := range [][3]string{{"PUT", path, body}, {"POST", path + "/void", ""}, {"GET", path, ""}, {"DELETE", path, ""}} {
		status, got, _ := a.call(t, call[0], call[1], call[2], func(r *http.Request) { r.Header.Set("Orders-Ledger", "l-0") })
		require.Equal(t, 503, status, got)
		require.Contains(t, got, "must be restored")
	}
	for _, known := range []string{"", "l-1"} {
		status, got, header := a.call(t, "PUT", path, body, func(r *http.Request) { r.Header.Set("Orders-Ledger", known) })
		require.Equal(t, 200, status, got)
		require.Equal(t, "l-1", header.Get("Orders-Ledger"))
	}
}

func TestPaymentAfterRemovalIsDeclined(t *testing.T) {
	a := newAPI()
	status, got, _ := a.call(t, "PUT", path, body, nil)
	require.Equal(t, 200, status, got)
	for _, method := range []string{"DELETE", "DELETE", "GET"} {
		status, got, _ = a.call(t, method, path, "", nil)
		require.Equal(t, 200, status, got)
		require.JSONEq(t, `{"orderId":"`+id+`","status":"removed","amount":0,"currency":"","decidedAt":"2026-11-24T12:00:00Z","entries":[]}`, got)
	}
	status, got, _ = a.call(t, "PUT", path, body, nil)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"status":"declined","reason":"removed"`)
}

func TestPaymentAfterVoidIsDeclined(t *testing.T) {
	a := newAPI()
	status, got, _ := a.call(t, "POST", path+"/void", "", nil)
	require.Equal(t, 200, status, got)
	status, got, _ = a.call(t, "PUT", path, body, nil)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"status":"declined","reason":"voided"`)
	require.NotContains(t, got, "charged")
}

func TestRejectedCalls(t *testing.T) {
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	without := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	sign := func(method jwt.SigningMethod, key any, audience string) string {
		token, err := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": "orders-actor", "aud": audience, "sub": "alice", "exp": now.Add(time.Minute).Unix(),
			"order": id, "amount": 900, "currency": "EUR",
		}).SignedString(key)
		require.NoError(t, err)
		return token
	}
	of := func(change func(*onbehalf.Claims)) func(*http.Request) {
		c := claims
		change(&c)
		return bearer(mint(t, c, now))
	}
	type test struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		code               problem.Code
	}
	tests := map[string]test{
		"body for another amount":   {"PUT", path, `{"amount":1,"currency":"EUR"}`, nil, 403, problem.Forbidden},
		"body for another currency": {"PUT", path, `{"amount":900,"currency":"USD"}`, nil, 403, problem.Forbidden},
		"no body":                   {"PUT", path, "", nil, 400, problem.InvalidJSON},
		"broken JSON":               {"PUT", path, "{", nil, 400, problem.InvalidJSON},
		"two values":                {"PUT", path, body + body, nil, 400, problem.InvalidJSON},
		"an unknown field":          {"PUT", path, `{"amount":900,"currency":"EUR","tip":1}`, nil, 400, problem.InvalidJSON},
		"null":                      {"PUT", path, "null", nil, 400, problem.InvalidJSON},
		"a field twice":             {"PUT", path, `{"amount":900,"amount":900,"currency":"EUR"}`, nil, 400, problem.InvalidJSON},
		"amount null":               {"PUT", path, `{"amount":null,"currency":"EUR"}`, nil, 400, problem.InvalidRequest},
		"currency null":             {"PUT", path, `{"amount":900,"currency":null}`, nil, 400, problem.InvalidRequest},
		"a fraction":                {"PUT", path, `{"amount":9.5,"currency":"EUR"}`, nil, 400, problem.InvalidJSON},
		"no amount":                 {"PUT", path, `{"currency":"EUR"}`, nil, 400, problem.InvalidRequest},
		"a negative amount":         {"PUT", path, `{"amount":-1,"currency":"EUR"}`, nil, 400, problem.InvalidRequest},
		"no currency":               {"PUT", path, `{"amount":900}`, nil, 400, problem.InvalidRequest},
		"no content type":           {"PUT", path, body, without("Content-Type"), 415, problem.UnsupportedMediaType},
		"another content type":      {"PUT", path, body, header("Content-Type", "text/plain"), 415, problem.UnsupportedMediaType},
		"a compressed body":         {"PUT", path, body, header("Content-Encoding", "br"), 415, problem.UnsupportedMediaType},
		"a body compressed twice":   {"PUT", path, body, header("Content-Encoding", "identity, gzip"), 415, problem.UnsupportedMediaType},
		"another method":            {"PATCH", path, "", nil, 405, problem.MethodNotAllowed},
		"another path":              {"GET", "/orders", "", nil, 404, problem.NotFound},
		"another spelling":          {"PUT", "/payments/" + strings.ToUpper(id), body, nil, 400, problem.InvalidRequest},
		"no order id":               {"PUT", "/payments/1", body, nil, 400, problem.InvalidRequest},
		"unknown payment":           {"GET", path, "", nil, 404, problem.NotFound},
	}
	for _, call := range []test{{method: "PUT", path: path, body: body}, {method: "POST", path: path + "/void"}, {method: "GET", path: path}, {method: "DELETE", path: path}} {
		for name, rejected := range map[string]test{
			"without app token":         {change: without("Dapr-Api-Token"), status: 401, code: problem.Unauthenticated},
			"another app token":         {change: header("Dapr-Api-Token", "guess"), status: 401, code: problem.Unauthenticated},
			"no token":                  {change: without("Authorization"), status: 401, code: problem.Unauthenticated},
			"another scheme":            {change: header("Authorization", "Basic YTpi"), status: 401, code: problem.Unauthenticated},
			"no JWT":                    {change: bearer("nonsense"), status: 401, code: problem.Unauthenticated},
			"an expired token":          {change: bearer(mint(t, claims, now.Add(-onbehalf.Lifetime-onbehalf.Skew-time.Second))), status: 401, code: problem.Unauthenticated},
			"alg none":                  {change: bearer(sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "payments-svc")), status: 401, code: problem.Unauthenticated},
			"signed with another key":   {change: bearer(sign(jwt.SigningMethodHS256, key[1:], "payments-svc")), status: 401, code: problem.Unauthenticated},
			"another audience":          {change: bearer(sign(jwt.SigningMethodHS256, key, "orders")), status: 401, code: problem.Unauthenticated},
			"a token for another order": {change: of(func(c *onbehalf.Claims) { c.OrderID = otherID }), status: 403, code: problem.Forbidden},
		} {
			rejected.method, rejected.path, rejected.body = call.method, call.path, call.body
			tests[call.method+" "+name] = rejected
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAPI()
			status, got, header := a.call(t, test.method, test.path, test.body, test.change)
			assert.Equal(t, test.status, status, got)
			assert.Equal(t, problem.ContentType, header.Get("Content-Type"))
			var p problem.Problem
			require.NoError(t, json.Unmarshal([]byte(got), &p))
			assert.Equal(t, test.code, p.Code)

			stored, _, err := a.store.Load(t.Context(), id)
			require.NoError(t, err)
			assert.Empty(t, stored, "a rejected call stored a payment")
		})
	}
}

func TestTokenForAnotherAmountOnlyReads(t *testing.T) {
	a := newAPI()
	status, _, _ := a.call(t, "PUT", path, body, nil)
	require.Equal(t, 200, status)
	other := claims
	other.Amount = 901
	change := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+mint(t, other, now)) }
	for _, call := range [][3]string{
		{"PUT", path, `{"amount":901,"currency":"EUR"}`},
		{"POST", path + "/void", ""},
		{"DELETE", path, ""},
	} {
		status, got, _ := a.call(t, call[0], call[1], call[2], change)
		require.Equal(t, 403, status, got)
	}
	status, got, _ := a.call(t, "GET", path, "", change)
	require.Equal(t, 200, status, "an inspection must see the difference: %s", got)
}

func TestFailuresAreUnavailable(t *testing.T) {
	a := newAPI()
	succeeds := a.process
	a.process = payment.Simulate(0, 1, func(float64) bool { return true })
	status, got, _ := a.call(t, "PUT", path, body, nil)
	require.Equal(t, 503, status, got)
	a.process = succeeds

	a.store.Fail(errors.New("password=secret"))
	for _, call := range [][3]string{{"PUT", path, body}, {"POST", path + "/void", ""}, {"GET", path, ""}, {"DELETE", path, ""}} {
		status, got, _ = a.call(t, call[0], call[1], call[2], nil)
		require.Equal(t, 503, status, got)
		require.Contains(t, got, `"code":"unavailable"`)
		require.NotContains(t, got, "secret")
	}
	a.store.Fail(nil)
	status, _, _ = a.call(t, "GET", path, "", nil)
	require.Equal(t, 404, status)
}

func TestLargeBodyIsRejected(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	a, served := newAPI(), make(chan error, 1)
	go func() { served <- a.app.Listener(listener) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+listener.Addr().String()+path, strings.NewReader(strings.Repeat(" ", bodyLimit+1)))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 413, resp.StatusCode)
	require.Equal(t, problem.ContentType, resp.Header.Get("Content-Type"))
	require.Contains(t, string(got), `"code":"too-large"`)
	require.NoError(t, a.app.Shutdown())
	require.NoError(t, <-served)
}

// The compressed body is below the body limit, the decompressed one is not.
func TestCompressedBodyIsNotDecompressed(t *testing.T) {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := io.WriteString(w, strings.Repeat(" ", 1<<20)+body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, compressed.Len(), bodyLimit)
	status, got, _ := newAPI().call(t, "PUT", path, compressed.String(), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	require.Equal(t, 415, status, got)
}

func TestProbesNeedNoToken(t *testing.T) {
	a := newAPI()
	for _, probe := range []string{"/livez", "/readyz", "/healthz"} {
		status, got, _ := a.call(t, "GET", probe, "", func(r *http.Request) { r.Header = http.Header{} })
		require.Equal(t, 200, status, got)
	}
}

func TestWithoutAppTokenAllCallsAreRejected(t *testing.T) {
	a := New(Options{Keys: [][]byte{key}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Registry: telemetry.NewRegistry()})
	resp, err := a.app.Test(httptest.NewRequest(http.MethodGet, path, nil), -1)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 401, resp.StatusCode)
}

func TestDecidedPaymentIsNotProcessedAgain(t *testing.T) {
	a := newAPI()
	processed := 0
	a.process = func(context.Context) error { processed++; return nil }
	for range 3 {
		status, got, _ := a.call(t, "PUT", path, body, nil)
		require.Equal(t, 200, status, got)
	}
	require.Equal(t, 1, processed, "a retry returns the decision at once")
}

func TestOperatorOfAnOrderForItsCustomerIsLogged(t *testing.T) {
	for actor, logged := range map[string]bool{"": false, "olga": true} {
		var text bytes.Buffer
		a := newAPI()
		a.Log = slog.New(slog.NewTextHandler(&text, nil))
		c := claims
		c.Actor = actor
		status, got, _ := a.call(t, "PUT", path, body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+mint(t, c, now)) })
		require.Equal(t, 200, status, got)
		assert.Equal(t, logged, strings.Contains(text.String(), "customer=alice operator=olga"), text.String())
	}
}
