// Command seat holds and confirms seats: a small service on kit/actors. README.md explains it.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"orders/examples/seat/seat"
	"orders/kit/actors"
	"orders/kit/config"
	"orders/kit/dapr"
	"orders/kit/httpapi"
	"orders/kit/log"
	"orders/kit/run"
	"orders/kit/telemetry"
)

const sealKey = "command-seal-key"

func main() { run.Main(serve) }

func serve(ctx context.Context) error {
	env := config.Env()
	addr := env.Address("SEAT_ADDR", "127.0.0.1:8092")
	holdFor := env.Duration("SEAT_HOLD_FOR", 2*time.Minute, time.Second, 24*time.Hour)
	token := env.String("DAPR_API_TOKEN", "")
	if err := env.Err(); err != nil {
		return err
	}
	logger, _, err := log.New(os.Stderr, "info", "text")
	if err != nil {
		return err
	}
	slog.SetDefault(logger)

	sidecar, err := actors.Dial(dapr.Address(), token)
	if err != nil {
		return err
	}
	defer func() { _ = sidecar.Close() }()
	keyCtx, cancel := context.WithTimeout(ctx, 2*time.Minute) // the sidecar may start late
	defer cancel()
	keys, err := dapr.Keys(keyCtx, sidecar.Client(), logger, "seat", sealKey)
	if err != nil {
		return err
	}
	seal := actors.Seal{Keys: dapr.Accepted(keys, sealKey), Now: time.Now}
	host := actors.NewHost(sidecar, actors.Config{Type: seat.Type, Log: logger, Activate: seat.Activator(seat.Options{
		Store: store{sidecar.Client()}, Reminders: sidecar, Seal: seal, Clock: time.Now, HoldFor: holdFor,
	})})
	ready := httpapi.Check{Name: "actors", Run: func(context.Context) error {
		if !host.Ready() {
			return errors.New("the sidecar does not host our actors")
		}
		return nil
	}}
	seats := seat.Client{Invoker: actors.Invoker{Sidecar: sidecar, Type: seat.Type, Seal: seal, Timeout: 15 * time.Second}}
	server := newServer(seats, logger, telemetry.NewRegistry(), ctx.Done(), ready)
	listener, err := httpapi.Listen(ctx, logger, "SEAT_ADDR", addr)
	if err != nil {
		return err
	}
	return run.Parts(ctx, logger, // they stop in this sequence: requests need turns
		run.Part{Name: "rest", StopTimeout: 12 * time.Second, Run: func(ctx context.Context) error {
			return httpapi.ServeListener(ctx, server, logger, listener, 10*time.Second)
		}},
		run.Part{Name: "actors", StopTimeout: 18 * time.Second, Run: host.Run},
	)
}
