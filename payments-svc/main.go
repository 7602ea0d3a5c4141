// Command payments-svc decides payments. It is reached only through Dapr service invocation.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"orders/kit/secrets"
	"orders/kit/service"
	"orders/kit/settings"
	"orders/kit/sidecar"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment"
	"orders/payments-svc/rest"
)

const (
	startLimit = 5 * time.Minute // for the sidecar and the keys to be there
	drainLimit = 15 * time.Second
	stopLimit  = 20 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "payments-svc:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := readConfig(settings.Env())
	if err != nil {
		return err
	}
	log, err := service.Logger(os.Stderr, cfg.logLevel, cfg.logFormat)
	if err != nil {
		return err
	}

	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client, err := sidecar.Dial(starting, log)
	if err != nil {
		return stopped(ctx, err)
	}
	defer client.Close()
	keys, err := secrets.Keys(starting, client, log, cfg.secret, "obo-key")
	if err != nil {
		return stopped(ctx, err)
	}

	dice, store := payment.NewDice(cfg.seed), ledger.New(client)
	registry := service.NewRegistry()
	app := rest.New(rest.Config{
		Desk: &payment.Desk{
			Store: store, Now: time.Now,
			Confirm: func() bool { return dice.Below(cfg.confirmRate) },
			Process: payment.Simulate(cfg.latency, func() bool { return dice.Below(cfg.failureRate) }),
		},
		Keys: secrets.Accepted(keys, "obo-key"), AppToken: cfg.appToken,
		Latency: cfg.latency,
		Now:     time.Now, Log: log, Metrics: registry, Stopping: ctx.Done(),
		Ready: []service.Check{{Name: "ledger", Run: store.Ready}},
	})
	return service.Run(ctx, log, stopLimit,
		service.Serve(app, log, cfg.address, drainLimit),
		service.Metrics(registry, log, "PAYMENTS_METRICS_ADDR", cfg.metrics),
	)
}

// stopped makes being asked to stop while waiting no failure.
func stopped(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}
