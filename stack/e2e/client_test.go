package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
	"orders/api/contract"
)

// testTimeout limits how long a test waits for a condition. After a kill, Dapr's scheduler alone may take 20 s.
const testTimeout = 2 * time.Minute

// tea is a valid order.
var tea = api.CreateOrder{Currency: api.EUR, Items: []api.Item{{Sku: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}}

func final(o api.Order) bool { return o.Status.Final() }

// path returns the statuses that the order went through.
func path(t *testing.T, o api.Order) string {
	t.Helper()
	var path []string
	for i, h := range o.History {
		assert.Equal(t, i+1, h.Version, "versions have no gaps")
		path = append(path, string(h.Status))
	}
	return strings.Join(path, " ")
}

// user sends requests to one orders-actor. The test fails when a request or a response violates the contract.
type user struct {
	*client.Client
	base, token string
}

func as(t *testing.T, base, token string) user {
	t.Helper()
	return user{client.New(base, token, checked(t)), base, token}
}

// login returns a user with a dev token.
func login(t *testing.T, base, name string, role api.Role) user {
	t.Helper()
	token, err := client.Token(t.Context(), base, name, role, checked(t))
	require.NoError(t, err)
	return as(t, base, token)
}

// customer returns a customer of the shared stack. Each test has its own.
func customer(t *testing.T) user {
	t.Helper()
	return login(t, shared.URL(), strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()), api.RoleCustomer)
}

const callTimeout = 30 * time.Second

// checked returns an HTTP client that fails the test when a request or a response violates the contract.
func checked(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Timeout: callTimeout, Transport: contract.Transport{
		Base: http.DefaultTransport, OnViolation: func(err error) { t.Error(err) },
	}}
}

// plain is for servers that the contract doesn't describe: payments-svc and Dapr.
var plain = &http.Client{Timeout: callTimeout}

func do(t *testing.T, with *http.Client, req *http.Request) (int, []byte) {
	t.Helper()
	got := read(t)(with.Do(req))
	return got.Status, got.Body
}

// request returns a request that the contract doesn't describe.
func (u user) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, u.base+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	return req
}

// read returns a function that reads the response of a request.
func read(t *testing.T) func(*http.Response, error) client.Reply {
	return func(resp *http.Response, err error) client.Reply {
		t.Helper()
		got, err := client.Read(resp, err)
		require.NoError(t, err)
		return got
	}
}

// create sends a create, which may be rejected.
func (u user) create(t *testing.T) client.Reply {
	t.Helper()
	return read(t)(u.CreateOrder(t.Context(), nil, tea))
}

// cancel sends a cancel without a reason, which may be rejected.
func (u user) cancel(t *testing.T, id string) client.Reply {
	t.Helper()
	return read(t)(u.CancelOrderWithBody(t.Context(), id, nil, "", nil))
}

// created creates an order.
func (u user) created(t *testing.T) api.Order {
	t.Helper()
	got := u.create(t)
	require.Equal(t, http.StatusCreated, got.Status, "%s", got.Body)
	o := parse[api.Order](t, got.Body)
	require.Equal(t, api.StatusCreated, o.Status)
	return o
}

func (u user) get(t *testing.T, id string) api.Order {
	t.Helper()
	got := read(t)(u.GetOrder(t.Context(), id, nil))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	return parse[api.Order](t, got.Body)
}

func (u user) list(t *testing.T) []api.OrderSummary {
	t.Helper()
	got := read(t)(u.ListOrders(t.Context(), nil))
	require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
	return parse[api.OrderList](t, got.Body).Orders
}

// await waits until the order satisfies the condition and returns it.
func (u user) await(t *testing.T, id, what string, wanted func(api.Order) bool) api.Order {
	t.Helper()
	var o api.Order
	await(t, "order "+id+" is "+what, func() bool {
		o = u.get(t, id)
		return wanted(o)
	})
	return o
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(testTimeout)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline.C:
			require.FailNow(t, "timeout waiting for: "+what)
		}
	}
}

func parse[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(body, &v), "%s", body)
	return v
}
