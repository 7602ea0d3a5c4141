package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/contract"
)

// testTimeout limits how long a test waits for a condition. After a kill, Dapr's scheduler alone may take 20 s.
const testTimeout = 2 * time.Minute

type order struct {
	ID        string     `json:"id"`
	Customer  string     `json:"customer"`
	Status    string     `json:"status"`
	Version   int        `json:"version"`
	Total     int64      `json:"total"`
	DeliverAt *time.Time `json:"deliverAt"`
	Payment   struct {
		Status string `json:"status"`
	} `json:"payment"`
	Cancellation *struct {
		By     string `json:"by"`
		Reason string `json:"reason"`
	} `json:"cancellation"`
	History []struct {
		Version int    `json:"version"`
		Status  string `json:"status"`
	} `json:"history"`
}

func (o order) final() bool { return o.Status == "delivered" || o.Status == "cancelled" }

// path returns the statuses that the order went through.
func (o order) path(t *testing.T) string {
	t.Helper()
	var path []string
	for i, h := range o.History {
		assert.Equal(t, i+1, h.Version, "versions have no gaps")
		path = append(path, h.Status)
	}
	return strings.Join(path, " ")
}

type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

const tea = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`

// client sends requests to one orders-actor as one user.
type client struct{ base, token string }

// login returns a client with a dev token.
func login(t *testing.T, base, user, role string) client {
	t.Helper()
	var got struct {
		Token string `json:"token"`
	}
	body := `{"user":"` + user + `","role":"` + role + `"}`
	status, answer := client{base: base}.send(t, http.MethodPost, "/v1/dev/token", body)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.NoError(t, json.Unmarshal(answer, &got))
	return client{base: base, token: got.Token}
}

// customer returns a client for the shared stack. Each test has its own user.
func customer(t *testing.T) client {
	t.Helper()
	return login(t, shared.URL(), strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()), "customer")
}

func (c client) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req
}

func (c client) send(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	return do(t, checked(t), c.request(t, method, path, body))
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
	resp, err := with.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, body
}

func (c client) create(t *testing.T) order {
	t.Helper()
	status, body := c.send(t, http.MethodPost, "/v1/orders", tea)
	require.Equal(t, http.StatusCreated, status, "%s", body)
	o := parse[order](t, body)
	require.Equal(t, "created", o.Status)
	return o
}

func (c client) get(t *testing.T, id string) order {
	t.Helper()
	status, body := c.send(t, http.MethodGet, "/v1/orders/"+id, "")
	require.Equal(t, http.StatusOK, status, "%s", body)
	return parse[order](t, body)
}

// await waits until the order satisfies the condition and returns it.
func (c client) await(t *testing.T, id, what string, wanted func(order) bool) order {
	t.Helper()
	var o order
	await(t, "order "+id+" is "+what, func() bool {
		o = c.get(t, id)
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
	require.NoError(t, json.NewDecoder(bytes.NewReader(body)).Decode(&v), "%s", body)
	return v
}
