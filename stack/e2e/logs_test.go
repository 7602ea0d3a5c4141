package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/process"
	"orders/stack"
)

func TestDebugLogsHaveNoSecrets(t *testing.T) {
	const appToken, badToken, badKey = "the-token-of-the-sidecar", "a-token-that-is-wrong", "a-private-idempotency-key"
	t.Setenv("APP_API_TOKEN", appToken)
	port, err := process.FreePort()
	require.NoError(t, err)
	profiles := fmt.Sprintf("127.0.0.1:%d", port)
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"LOG_LEVEL": "warn", "ORDERS_PROFILE_ADDR": profiles, "DELIVER_AFTER": "1s", "PAYMENT_TIMEOUT": "500ms"},
			stack.PaymentsSvc: {"LOG_LEVEL": "debug", "PAYMENT_CONFIRM_RATE": "1", "PAYMENT_FAILURE_RATE": "0.5", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+profiles+"/loglevel", strings.NewReader("debug"))
	require.NoError(t, err)
	status, body := do(t, plain, req)
	require.Equal(t, http.StatusOK, status, "%s", body)

	c, operator := login(t, s.URL(), "alice", api.RoleCustomer), login(t, s.URL(), "olga", api.RoleOperator)
	for range 3 { // with failing payment calls
		c.await(t, c.created(t).ID, "final", final)
	}
	cancelled := parse[api.Order](t, read(t)(c.CreateOrder(t.Context(), &api.CreateOrderParams{IdempotencyKey: new(badKey)}, tea)).Body)
	operator.cancel(t, cancelled.ID)
	c.await(t, cancelled.ID, "final", final)
	require.NoError(t, s.Stop(stack.PaymentsSvc))
	failing := c.created(t)
	c.await(t, failing.ID, "a failed payment call", func(o api.Order) bool { return o.Payment.Attempts > 0 })
	assert.Equal(t, http.StatusUnauthorized, as(t, s.URL(), badToken).create(t).Status)
	require.NoError(t, s.Start(stack.PaymentsSvc))
	c.await(t, failing.ID, "final", final)

	hidden := map[string]string{
		"the app token": appToken, "a bad token": badToken, "a customer's token": c.token, "an operator's token": operator.token,
		"an idempotency key": badKey,
	}
	for _, app := range []string{stack.OrdersActor, stack.PaymentsSvc} {
		token := s.Part(app + ".sidecar").Token
		require.NotEmpty(t, token)
		hidden["the API token of "+app] = token
	}
	for app, keys := range secretsOf(t, s) {
		for name, key := range keys {
			raw, err := base64.StdEncoding.DecodeString(key)
			require.NoError(t, err)
			hidden[app+" "+name] = key
			hidden[app+" "+name+" in hex"] = hex.EncodeToString(raw)
			hidden[app+" "+name+" in bytes"] = string(raw)
		}
	}
	jwt := regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]+`)
	logs, err := filepath.Glob(filepath.Join(s.Home(), "logs", "*.log"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(logs), 4)
	for _, file := range logs {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for what, secret := range hidden {
			assert.NotContains(t, string(content), secret, "%s has %s", file, what)
		}
		assert.Empty(t, jwt.FindAllString(string(content), -1), "%s has a signed token", file)
	}
	log, err := os.ReadFile(filepath.Join(s.Home(), "logs", stack.OrdersActor+".log"))
	require.NoError(t, err)
	for _, line := range []string{
		"log level changed", "level=DEBUG", "order=" + cancelled.ID + " status=cancelled version=", "order=" + failing.ID + " status=delivered version=3 cause=delivery-due",
	} {
		assert.Contains(t, string(log), line)
	}
}
