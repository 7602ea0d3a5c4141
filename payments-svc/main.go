// Command payments-svc decides and voids payments. Only its sidecar may call it.
//
//	payments-svc            serve until SIGTERM or Ctrl-C
//	payments-svc restore    restore a lost ledger through the sidecar, from the output of `orders-actor payments` at standard input
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
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
	"orders/payments-svc/restore"
)

const secretsTimeout = 5 * time.Minute // includes the start of the sidecar

func main() { run.Main(func(ctx context.Context) error { return command(ctx, os.Args[1:]...) }) }

func command(ctx context.Context, args ...string) error {
	execute, known := map[string]func(context.Context, Config, *slog.Logger, *slog.LevelVar) error{"": serve, "restore": restoreLedger}[strings.Join(args, " ")]
	if !known {
		return fmt.Errorf("unknown command %q: there is only restore", args)
	}
	c, err := readConfig(config.Env())
	if err != nil {
		return err
	}
	logger, level, err := log.New(os.Stderr, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(logger)
	return execute(ctx, c, logger, level)
}

// restoreLedger writes to the ledger through the sidecar of the running service.
func restoreLedger(ctx context.Context, c Config, logger *slog.Logger, _ *slog.LevelVar) error {
	conn, err := dapr.Dial(dapr.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return restore.Restore(ctx, os.Stdin, ledger.New(client.NewClientWithConnection(conn)), time.Now, logger)
}

func serve(ctx context.Context, c Config, logger *slog.Logger, level *slog.LevelVar) error {
	traces, err := telemetry.StartTracing(ctx, c.Tracing, "payments-svc", logger)
	if err != nil {
		return err
	}
	conn, err := dapr.Dial(dapr.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	sidecar := client.NewClientWithConnection(conn)
	keys, err := readKeys(ctx, logger, sidecar, c)
	if err != nil {
		return err
	}

	registry := telemetry.NewRegistry()
	ledger.Register(registry)
	random, store := payment.NewRandom(c.Seed), ledger.New(sidecar)
	server := rest.New(rest.Options{
		Payments: &payment.Service{
			Store: store, Now: time.Now,
			Confirm: func() bool { return random.Chance(c.ConfirmRate) },
			Process: payment.Simulate(c.Latency, c.FailureRate, random.Chance),
		},
		Ledger: store, Keys: dapr.Accepted(keys, "obo-key"), AppToken: c.AppToken, Latency: c.Latency, Now: time.Now,
		Log: logger, Registry: registry, Checks: []httpapi.Check{{Name: "ledger", Run: store.Ready}}, Stopping: ctx.Done(),
	})
	listener, err := httpapi.Listen(ctx, logger, "PAYMENTS_ADDR", c.Addr)
	if err != nil {
		return err
	}
	return run.Parts(ctx, logger,
		run.Part{Name: "rest", Run: func(ctx context.Context) error { return server.Serve(ctx, listener) }, StopTimeout: 20 * time.Second},
		run.Part{Name: "metrics", Run: telemetry.Serve(registry, logger, "PAYMENTS_METRICS_ADDR", c.MetricsAddr), StopTimeout: 2 * time.Second},
		run.Part{Name: "profiles", Run: telemetry.ServeProfiles(logger, level, "PAYMENTS_PROFILE_ADDR", c.ProfileAddr), StopTimeout: 2 * time.Second},
		run.Part{Name: "traces", Run: traces, StopTimeout: 2 * time.Second},
	)
}

func readKeys(ctx context.Context, logger *slog.Logger, sidecar client.Client, c Config) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, secretsTimeout)
	defer cancel()
	return dapr.Keys(ctx, sidecar, logger, c.SecretName, "obo-key")
}
