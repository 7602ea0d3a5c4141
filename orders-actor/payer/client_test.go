package payer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/onbehalf"
	"orders/orders-actor/order"
	"orders/orders-actor/payer"
)

var (
	noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key  = bytes.Repeat([]byte{7}, 32)
	tea  = payer.Payment{OrderID: "o-1", Amount: 900, Currency: "EUR", Customer: "alice"}
)

func client(t *testing.T, sidecar http.HandlerFunc) *payer.Client {
	s := httptest.NewServer(sidecar)
	t.Cleanup(s.Close)
	return payer.NewClient(payer.ClientConfig{Sidecar: s.URL, Token: "api", Key: key, Now: func() time.Time { return noon }, Parallel: 1})
}

func isRefused(err error) bool { return errors.Is(err, payer.ErrRefused) }

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestCallsHaveAnOnBehalfOfToken(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, status string
		call                 func(*payer.Client) error
	}{
		"pay": {http.MethodPut, "/v1.0/invoke/payments-svc/method/payments/o-1", "confirmed", func(c *payer.Client) error {
			d, err := c.Pay(t.Context(), tea)
			assert.True(t, d.Confirmed)
			return err
		}},
		"find": {http.MethodGet, "/v1.0/invoke/payments-svc/method/payments/o-1", "confirmed", func(c *payer.Client) error {
			r, found, err := c.Find(t.Context(), tea)
			assert.True(t, found)
			assert.Equal(t, payer.RecordConfirmed, r.Status)
			return err
		}},
		"void": {http.MethodPost, "/v1.0/invoke/payments-svc/method/payments/o-1/void", "voided", func(c *payer.Client) error {
			return c.Void(t.Context(), tea)
		}},
		"remove": {http.MethodDelete, "/v1.0/invoke/payments-svc/method/payments/o-1", "removed", func(c *payer.Client) error {
			return c.Remove(t.Context(), tea)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.call(client(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, c.method, r.Method)
				assert.Equal(t, c.path, r.URL.Path)
				assert.Equal(t, "api", r.Header.Get("Dapr-Api-Token"))
				claims, err := onbehalf.Verify([][]byte{key}, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), noon)
				assert.NoError(t, err)
				assert.Equal(t, onbehalf.Claims{OrderID: "o-1", User: "alice", Amount: 900, Currency: "EUR"}, claims)
				if r.Method == http.MethodPut {
					var body map[string]any
					assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
					assert.Equal(t, map[string]any{"amount": 900.0, "currency": "EUR"}, body)
				}
				respond(http.StatusOK, `{"orderId":"o-1","status":"`+c.status+`"}`)(w, r)
			})))
		})
	}
}

func TestPayReturnsTheDecision(t *testing.T) {
	for body, want := range map[string]payer.Decision{
		`{"orderId":"o-1","status":"confirmed"}`:                      {Confirmed: true},
		`{"orderId":"o-1","status":"declined","reason":"no funds"}`:   {Reason: "no funds"},
		`{"orderId":"o-1","status":"voided","reason":"voided first"}`: {Reason: "voided first"},
	} {
		got, err := client(t, respond(http.StatusOK, body)).Pay(t.Context(), tea)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestErrorsAreClassifiedAsRefusalOrFailure(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		refused bool
	}{
		"sidecar error":      {http.StatusInternalServerError, `{"errorCode":"ERR_DIRECT_INVOKE"}`, false},
		"overloaded":         {http.StatusServiceUnavailable, "", false},
		"rate limited":       {http.StatusTooManyRequests, "", false},
		"request timeout":    {http.StatusRequestTimeout, "", false},
		"forbidden":          {http.StatusForbidden, "", false},
		"unauthorized":       {http.StatusUnauthorized, "", false},
		"bad request":        {http.StatusBadRequest, "", true},
		"another amount":     {http.StatusConflict, "", true},
		"redirect":           {http.StatusFound, "", true},
		"not JSON":           {http.StatusOK, "hello", false},
		"another order":      {http.StatusOK, `{"orderId":"o-2","status":"confirmed"}`, false},
		"unknown status":     {http.StatusOK, `{"orderId":"o-1","status":"perhaps"}`, false},
		"response too large": {http.StatusOK, `{"orderId":"o-1","status":"confirmed","reason":"` + strings.Repeat("a", 1<<20) + `"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := client(t, respond(c.status, c.body))
			_, err := client.Pay(t.Context(), tea)
			require.Error(t, err)
			assert.Less(t, len(err.Error()), 1000)
			assert.Equal(t, c.refused, isRefused(err))
			err = client.Void(t.Context(), tea)
			require.Error(t, err)
			assert.Equal(t, c.refused, isRefused(err))
		})
	}
	assert.Error(t, client(t, respond(http.StatusOK, `{"orderId":"o-1","status":"confirmed"}`)).Void(t.Context(), tea), "status confirmed")
}

func TestCallEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	c := client(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.Pay(ctx, tea)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, isRefused(err))
}

// During a rotation of keys, some replicas of payments-svc do not know the new key yet.
func TestPaymentIsRetriedAfterUnauthorizedAndForbidden(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		calls := 0
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls <= 2 {
				respond(status, `{"code":"bad-token"}`)(w, r)
				return
			}
			respond(http.StatusOK, `{"orderId":"o-1","status":"confirmed"}`)(w, r)
		})
		results := &recorder{}
		pauses := 0
		p := payer.New(payer.Config{
			Payments: c, Results: results, Log: slog.New(slog.DiscardHandler),
			Sleep: func(context.Context, time.Duration) { pauses++ },
		})
		p.Pay(order.State{Order: order.Order{ID: "o-1", Customer: "alice", Total: 900, Currency: "EUR"}, Auth: alice})
		p.RunNext(t.Context())
		assert.Equal(t, []order.Settle{{ID: "o-1", Confirmed: true, Attempts: 3}}, results.settled, status)
		assert.Equal(t, 2, pauses, "one before each retry")
	}
}

// recorder implements payer.Results.
type recorder struct{ settled []order.Settle }

func (r *recorder) Settle(_ context.Context, c order.Settle) error {
	r.settled = append(r.settled, c)
	return nil
}
func (*recorder) PaymentFailed(context.Context, order.PaymentFailed) error { return nil }
func (*recorder) Voided(context.Context, string) error                     { return nil }

// ledgerID is a payer.Ledger.
type ledgerID struct {
	id  string
	err error
}

func (l *ledgerID) Known(context.Context) (string, error) { return l.id, l.err }

func (l *ledgerID) Learn(_ context.Context, id string) error {
	l.id = id
	return l.err
}

func TestCallsNameTheLedgerOfTheFirstPayment(t *testing.T) {
	var sent []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Orders-Ledger"))
		w.Header().Set("Orders-Ledger", "l-1")
		respond(http.StatusOK, `{"orderId":"o-1","status":"confirmed"}`)(w, r)
	}))
	t.Cleanup(s.Close)
	ledger := &ledgerID{}
	c := payer.NewClient(payer.ClientConfig{Sidecar: s.URL, Key: key, Now: func() time.Time { return noon }, Parallel: 1, Ledger: ledger})
	for range 2 {
		_, err := c.Pay(t.Context(), tea)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"", "l-1"}, sent)

	ledger.err = errors.New("state store down")
	_, err := c.Pay(t.Context(), tea)
	require.ErrorIs(t, err, ledger.err)
	assert.Len(t, sent, 2, "without the id nothing is paid")
}

func TestFindDistinguishesNoPaymentFromFailures(t *testing.T) {
	_, found, err := client(t, respond(404, `{"code":"not-found"}`)).Find(t.Context(), tea)
	require.NoError(t, err)
	assert.False(t, found)
	for _, status := range []int{403, 500, 503} {
		_, _, err := client(t, respond(status, "")).Find(t.Context(), tea)
		require.Error(t, err)
	}
	r, found, err := client(t, respond(200, `{"orderId":"o-1","status":"voided","amount":900,"currency":"EUR","decidedAt":"2026-11-24T12:00:00Z",
		"entries":[{"kind":"charged","amount":900,"at":"2026-11-24T12:00:00Z"},{"kind":"voided","amount":900,"at":"2026-11-24T12:00:00Z"}]}`)).Find(t.Context(), tea)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, 1, r.Charges())
	assert.Equal(t, noon, r.DecidedAt)
}

func TestPaymentIsThatOfTheCustomerAndNamesTheOperator(t *testing.T) {
	o := order.Order{ID: "o-1", Customer: "alice", Total: 900, Currency: "EUR"}
	for user, actor := range map[string]string{"alice": "", "olga": "olga"} {
		p := payer.Of(order.State{Order: o, Auth: order.Auth{User: user}})
		assert.Equal(t, payer.Payment{OrderID: "o-1", Customer: "alice", Actor: actor, Amount: 900, Currency: "EUR"}, p)
		_, err := client(t, func(w http.ResponseWriter, r *http.Request) {
			claims, err := onbehalf.Verify([][]byte{key}, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), noon)
			assert.NoError(t, err)
			assert.Equal(t, onbehalf.Claims{OrderID: "o-1", User: "alice", Actor: actor, Amount: 900, Currency: "EUR"}, claims)
			respond(http.StatusOK, `{"orderId":"o-1","status":"confirmed"}`)(w, r)
		}).Pay(t.Context(), p)
		require.NoError(t, err)
	}
}
