// Command payments-svc decides payments. It is reached only through Dapr service invocation.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dapr/go-sdk/client"

	"orders/kit/config"
	"orders/kit/dapr"
	"orders/kit/httpapi"
	"orders/kit/log"
	"orders/kit/run"
	"orders/kit/telemetry"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment"
	"orders/payments-svc/rest"
)

const secretsTimeout = 2 * time.Minute // for a sidecar that starts late

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "payments-svc:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	c, err := readConfig(config.Env())
	if err != nil {
		return err
	}
	logger, err := log.New(os.Stderr, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(logger)

	conn, err := dapr.Dial(dapr.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	sidecar := client.NewClientWithConnection(conn)
	fetching, cancel := context.WithTimeout(ctx, secretsTimeout)
	keys, err := dapr.Keys(fetching, sidecar, logger, c.SecretName, "obo-key")
	cancel()
	if err != nil {
		return err
	}

	random, store := payment.NewRandom(c.Seed), ledger.New(sidecar)
	registry := telemetry.NewRegistry()
	app := rest.New(rest.Config{
		Service: &payment.Service{
			Store: store, Now: time.Now,
			Confirm: func() bool { return random.Chance(c.ConfirmRate) },
			Process: payment.Simulate(c.Latency, func() bool { return random.Chance(c.FailureRate) }),
		},
		Keys: dapr.Accepted(keys, "obo-key"), AppToken: c.AppToken,
		Latency: c.Latency,
		Now:     time.Now, Log: logger, Metrics: registry, Stopping: ctx.Done(),
		Ready: []httpapi.Check{{Name: "ledger", Run: store.Ready}},
	})
	return run.Parts(ctx, logger,
		run.Part{Name: "rest", Run: httpapi.Serve(app, logger, "PAYMENTS_ADDR", c.Addr), StopTimeout: 15 * time.Second},
		run.Part{Name: "metrics", Run: telemetry.Serve(registry, logger, "PAYMENTS_METRICS_ADDR", c.MetricsAddr), StopTimeout: 5 * time.Second},
	)
}
