package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/config"
	"orders/orders-actor/catalogue"
)

func TestDefaults(t *testing.T) {
	c, err := readConfig(config.Map(nil))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", c.Addr)
	assert.Equal(t, 10*time.Second, c.DeliverAfter)
	assert.Zero(t, c.RetainDays, "orders are kept for ever")
	assert.Equal(t, "dev", c.AuthMode)
	assert.Equal(t, ".data/view.db", c.ViewDSN)
	assert.Equal(t, ".data/statestore.db", c.StateDSN)
	assert.Equal(t, 10*time.Second, c.PaymentTimeout)
	assert.Equal(t, 600, c.RateLimit)
	assert.Equal(t, 256, c.MaxInFlight)
	assert.Equal(t, catalogue.Default(), c.Catalogue)
	assert.False(t, c.Enforce)
	assert.Equal(t, "orders-actor", c.SecretName)
	assert.Equal(t, "http://127.0.0.1:3500", c.DaprHTTP)
}

func TestABadSettingIsNamed(t *testing.T) {
	for name, value := range map[string]string{
		"ORDERS_ADDR": "8080", "DELIVER_AFTER": "soon", "ATTENTION_AFTER": "0s", "AUDIT_PER_MINUTE": "-1", "RETAIN_DAYS": "-1", "AUTH_MODE": "none", "OIDC_ISSUER": "issuer", "PAYMENT_TIMEOUT": "0s",
		"RATE_LIMIT": "-1", "MAX_IN_FLIGHT": "0", "MAX_WAITING": "0", "MAX_WAITING_PER_USER": "0", "CORS_ORIGINS": "example.com", "CATALOGUE_FILE": "none.json", "ENFORCE_CATALOGUE": "yes", "WEBHOOK_ALLOW_PRIVATE": "1", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
		"DAPR_HTTP_PORT": "x y", "VIEW_DSN": "postgresql+psycopg://u:p@h/db", "VIEW_MAX_CONNS": "3", "STATE_DSN": "mysql://u:p@h/db",
	} {
		_, err := readConfig(config.Map(map[string]string{name: value}))
		require.ErrorContains(t, err, name, value)
	}
	_, err := readConfig(config.Map(map[string]string{"VIEW_DSN": "postgresql+psycopg://u:hunter2@h/db"}))
	require.ErrorContains(t, err, `VIEW_DSN must be a postgres:// URL or the path of an SQLite file, not a URL with the scheme "postgresql+psycopg"`)
	require.NotContains(t, err.Error(), "hunter2")
	c, err := readConfig(config.Map(map[string]string{"VIEW_DSN": " postgres://u:p@h/db "}))
	require.NoError(t, err)
	require.Equal(t, "postgres://u:p@h/db", c.ViewDSN)
	_, err = readConfig(config.Map(map[string]string{"AUTH_MODE": "oidc"}))
	for _, name := range []string{"OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_CLIENT_ID"} {
		require.ErrorContains(t, err, name)
	}
}

func TestDevAuthOffLoopbackIsRefusedUnlessHostsAreNamed(t *testing.T) {
	for _, address := range []string{"0.0.0.0:8080", ":8080", "[::]:8080", "192.168.1.5:8080", "shop.example.com:8080"} {
		_, err := readConfig(config.Map(map[string]string{"ORDERS_ADDR": address}))
		require.ErrorContains(t, err, "DEV_AUTH_HOSTS", address)
		_, err = readConfig(config.Map(map[string]string{"ORDERS_ADDR": address, "DEV_AUTH_HOSTS": "shop.example.com"}))
		require.NoError(t, err, address)
		_, err = readConfig(config.Map(map[string]string{
			"ORDERS_ADDR": address, "AUTH_MODE": "oidc", "OIDC_ISSUER": "https://issuer.example.com", "OIDC_AUDIENCE": "orders", "OIDC_CLIENT_ID": "spa",
		}))
		require.NoError(t, err, address)
	}
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.2:8080", "[::1]:8080", "localhost:8080"} {
		_, err := readConfig(config.Map(map[string]string{"ORDERS_ADDR": address}))
		require.NoError(t, err, address)
	}
}
