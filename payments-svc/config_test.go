package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/config"
)

func TestSettings(t *testing.T) {
	c, err := readConfig(config.Map(map[string]string{"APP_API_TOKEN": "t", "PAYMENT_LATENCY": "3s"}))
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, c.Latency)
	require.InDelta(t, 0.8, c.ConfirmRate, 0)

	_, err = readConfig(config.Map(map[string]string{
		"PAYMENTS_ADDR": "8081", "PAYMENT_CONFIRM_RATE": "80", "PAYMENT_FAILURE_RATE": "-1", "PAYMENT_LATENCY": "200",
		"PAYMENT_SEED": "x", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
	}))
	for _, name := range []string{
		"PAYMENTS_ADDR", "PAYMENT_CONFIRM_RATE", "PAYMENT_FAILURE_RATE", "PAYMENT_LATENCY", "PAYMENT_SEED", "LOG_LEVEL",
		"LOG_FORMAT", "APP_API_TOKEN", // required: the service would reject all calls without it
	} {
		require.ErrorContains(t, err, name+" must ")
	}
}
