package main

import (
	"time"

	"orders/kit/config"
	"orders/kit/telemetry"
)

// Config has the settings, which README.md lists.
type Config struct {
	Addr        string
	MetricsAddr string
	ProfileAddr string // empty: no profiles
	ConfirmRate float64
	FailureRate float64
	Latency     time.Duration // simulated, per decision
	Seed        uint64        // 0: random
	AppToken    string        // sent by the sidecar with each call
	SecretName  string
	LogLevel    string
	LogFormat   string
	Tracing     telemetry.Tracing

	DaprToken string
}

func readConfig(env *config.Reader) (Config, error) {
	c := Config{
		Addr:        env.Address("PAYMENTS_ADDR", "127.0.0.1:8081"),
		MetricsAddr: env.Address("PAYMENTS_METRICS_ADDR", "127.0.0.1:9465"),
		ProfileAddr: env.Loopback("PAYMENTS_PROFILE_ADDR"),
		ConfirmRate: env.Rate("PAYMENT_CONFIRM_RATE", 0.8),
		FailureRate: env.Rate("PAYMENT_FAILURE_RATE", 0),
		Latency:     env.Duration("PAYMENT_LATENCY", 200*time.Millisecond, 0, time.Minute),
		Seed:        uint64(env.Int("PAYMENT_SEED", 0, 0, 1<<53)),
		AppToken:    env.Required("APP_API_TOKEN"),
		SecretName:  env.String("SECRET_NAME", "payments-svc"),
		LogLevel:    env.Enum("LOG_LEVEL", "info", "debug", "info", "warn", "error"),
		LogFormat:   env.Enum("LOG_FORMAT", "text", "text", "json"),
		Tracing:     telemetry.ReadTracing(env),
		DaprToken:   env.String("DAPR_API_TOKEN", ""),
	}
	return c, env.Err()
}
