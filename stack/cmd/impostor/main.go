// Command impostor runs package impostor behind the sidecar of its pod until SIGTERM. It logs each command that reaches it.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"orders/kit/actors"
	"orders/kit/dapr"
	"orders/stack/impostor"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, slog.Default()); err != nil && ctx.Err() == nil {
		slog.Error("impostor", "error", err)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	dapr, err := actors.Dial(dapr.Address(), os.Getenv("DAPR_API_TOKEN"))
	if err != nil {
		return err
	}
	defer func() { _ = dapr.Close() }()
	host := impostor.NewHost(dapr, log, func(id, method string, _ []byte) {
		log.Info("acknowledged a command", "order", id, "method", method)
	})
	return host.Run(ctx)
}
