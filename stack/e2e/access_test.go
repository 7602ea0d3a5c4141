package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/onbehalf"
	"orders/stack"
)

// secret reads a key of the shared stack from its file.
func secret(t *testing.T, name, field string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(shared.Home(), "secrets.json"))
	require.NoError(t, err)
	all := parse[map[string]map[string]string](t, content)
	key, err := base64.StdEncoding.DecodeString(all[name][field])
	require.NoError(t, err)
	return key
}

// otherApp is the id of an app that isn't part of the product.
const otherApp = "other-app"

// otherSidecar returns the address of the other app's sidecar, and starts it first if needed.
func otherSidecar(t *testing.T) string {
	t.Helper()
	if shared.Part(otherApp+".sidecar").URL == "" {
		_, err := shared.AddSidecar(t.Context(), otherApp)
		require.NoError(t, err)
	}
	return shared.Part(otherApp + ".sidecar").URL
}

// withSidecarToken adds the API token of the sidecar that the request is sent to, if it has one.
func withSidecarToken(req *http.Request) *http.Request {
	for _, part := range shared.Parts() {
		if address := shared.Part(part).URL; address == "http://"+req.URL.Host {
			req.Header.Set("dapr-api-token", shared.Part(part).Token)
		}
	}
	return req
}

func TestSidecarsRequireAPIToken(t *testing.T) {
	for _, app := range []string{stack.OrdersActor, stack.PaymentsSvc} {
		for _, path := range []string{"/v1.0/secrets/secrets/" + app, "/v1.0/metadata", "/v1.0/state/statestore/x"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shared.Part(app+".sidecar").URL+path, nil)
			require.NoError(t, err)
			status, body := do(t, plain, req)
			assert.Equal(t, http.StatusUnauthorized, status, "%s %s: %s", app, path, body)
		}
	}
}

// pay asks payments-svc at base to charge 900 euro cents for an order.
func pay(t *testing.T, base, order, token string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, base+"/payments/"+order,
		strings.NewReader(`{"amount":900,"currency":"EUR"}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, plain, withSidecarToken(req))
}

func invokeURL(sidecar string) string { return sidecar + "/v1.0/invoke/payments-svc/method" }

func TestUnauthorizedPaymentsAreRejected(t *testing.T) {
	key := secret(t, "payments-svc", "obo-key")
	order := uuid.Must(uuid.NewV7()).String()
	claims := onbehalf.Claims{OrderID: order, User: "alice", Amount: 900, Currency: "EUR"}
	mint := func(c onbehalf.Claims, at time.Time) string {
		token, err := onbehalf.Mint(key, c, at)
		require.NoError(t, err)
		return token
	}
	good := mint(claims, time.Now())
	sidecar := invokeURL(shared.Part(stack.OrdersActor + ".sidecar").URL)

	t.Run("a call that bypasses the sidecar", func(t *testing.T) {
		status, body := pay(t, shared.Part(stack.PaymentsSvc).URL, order, good)
		assert.Equal(t, http.StatusUnauthorized, status, "%s", body)
	})
	t.Run("another app, through its own sidecar", func(t *testing.T) {
		status, body := pay(t, invokeURL(otherSidecar(t)), order, good)
		assert.Equal(t, http.StatusForbidden, status, "%s", body)
	})
	t.Run("other paths and verbs, even from orders-actor", func(t *testing.T) {
		for _, call := range []struct{ method, path string }{
			{http.MethodPatch, "/payments/" + order},
			{http.MethodPost, "/payments/" + order},
			{http.MethodGet, "/metrics"},
			{http.MethodGet, "/readyz"},
		} {
			req, err := http.NewRequestWithContext(t.Context(), call.method, sidecar+call.path, nil)
			require.NoError(t, err)
			status, body := do(t, plain, withSidecarToken(req))
			assert.Equal(t, http.StatusForbidden, status, "%s %s: %s", call.method, call.path, body)
		}
	})

	t.Run("a removal without a token", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, sidecar+"/payments/"+order, nil)
		require.NoError(t, err)
		status, body := do(t, plain, withSidecarToken(req))
		assert.Equal(t, http.StatusUnauthorized, status, "%s", body)
	})

	otherOrder, otherAmount, otherCurrency := claims, claims, claims
	otherOrder.OrderID = uuid.Must(uuid.NewV7()).String()
	otherAmount.Amount = 1
	otherCurrency.Currency = "USD"
	forged, err := onbehalf.Mint([]byte(strings.Repeat("k", 32)), claims, time.Now())
	require.NoError(t, err)
	for name, token := range map[string]string{
		"no token":                    "",
		"a token for another order":   mint(otherOrder, time.Now()),
		"a token for another amount":  mint(otherAmount, time.Now()),
		"a token in another currency": mint(otherCurrency, time.Now()),
		"an expired token":            mint(claims, time.Now().Add(-time.Hour)),
		"a token signed by another":   forged,
	} {
		t.Run(name, func(t *testing.T) {
			status, body := pay(t, sidecar, order, token)
			assert.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, status, "%s", body)
		})
	}

	t.Run("none of these calls was a payment", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sidecar+"/payments/"+order, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+good)
		status, body := do(t, plain, withSidecarToken(req))
		assert.Equal(t, http.StatusNotFound, status, "%s", body)
	})
	t.Run("a valid call is accepted", func(t *testing.T) {
		status, body := pay(t, sidecar, order, good)
		assert.Equal(t, http.StatusOK, status, "%s", body)
	})
}

func TestCommandsOfAnotherAppAreRejected(t *testing.T) {
	c := customer(t)
	o := c.created(t)
	for _, method := range []string{"create", "settle", "cancel", "voided", "poke"} {
		for _, body := range []string{
			"", "{}",
			fmt.Sprintf(`{"id":%q,"user":%q,"by":"customer","confirmed":true}`, o.ID, o.Customer),
			fmt.Sprintf(`{"command":{"id":%q,"user":%q,"by":"customer","confirmed":true},"issuedAt":%q,"mac":"AAAA"}`,
				o.ID, o.Customer, time.Now().UTC().Format(time.RFC3339Nano)),
		} {
			url := fmt.Sprintf("%s/v1.0/actors/Order/%s/method/%s", otherSidecar(t), o.ID, method)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
			require.NoError(t, err)
			status, answer := do(t, plain, req)
			require.Equal(t, http.StatusInternalServerError, status, "precondition: the call reaches the actor: %s", answer)
			assert.Contains(t, string(answer), "ERR_ACTOR_INVOKE_METHOD")
		}
	}
	o = c.await(t, o.ID, "final", final)
	assert.NotEqual(t, "created cancelled cancelled", path(t, o))
	if o.Cancellation.By != "" {
		assert.Equal(t, api.PartyPayment, o.Cancellation.By, "only its payment may have cancelled it")
	}
}

func TestSidecarOfAnotherAppReadsNoStateAndNoSecrets(t *testing.T) {
	for _, path := range []string{"/v1.0/secrets/secrets/orders-actor", "/v1.0/state/statestore/x", "/v1.0/state/ledger/x"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, otherSidecar(t)+path, nil)
		require.NoError(t, err)
		status, body := do(t, plain, req)
		assert.GreaterOrEqual(t, status, 400, "%s: %s", path, body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		shared.Part(stack.PaymentsSvc+".sidecar").URL+"/v1.0/secrets/secrets/orders-actor", nil)
	require.NoError(t, err)
	status, body := do(t, plain, withSidecarToken(req))
	assert.Equal(t, http.StatusForbidden, status, "payments-svc must not read the key that seals commands: %s", body)
}
