package main

import (
	"time"

	"orders/kit/settings"
)

type config struct {
	address     string
	metrics     string
	confirmRate float64
	failureRate float64
	latency     time.Duration
	seed        uint64
	appToken    string
	secret      string
	logLevel    string
	logFormat   string
}

func readConfig(env *settings.Reader) (config, error) {
	cfg := config{
		address:     env.Address("PAYMENTS_ADDR", "127.0.0.1:8081"),
		metrics:     env.Address("PAYMENTS_METRICS_ADDR", "127.0.0.1:9465"),
		confirmRate: env.Rate("PAYMENT_CONFIRM_RATE", 0.8),
		failureRate: env.Rate("PAYMENT_FAILURE_RATE", 0),
		latency:     env.Duration("PAYMENT_LATENCY", 200*time.Millisecond, 0, time.Minute),
		seed:        uint64(env.Int("PAYMENT_SEED", 0, 0, 1<<53)), // 0: by chance
		appToken:    env.Required("APP_API_TOKEN"),
		secret:      env.String("SECRET_NAME", "payments-svc"),
		logLevel:    env.Enum("LOG_LEVEL", "info", "debug", "info", "warn", "error"),
		logFormat:   env.Enum("LOG_FORMAT", "text", "text", "json"),
	}
	return cfg, env.Err()
}
