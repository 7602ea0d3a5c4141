// Command impostor runs package impostor behind the sidecar of its pod until SIGTERM. It logs each command that reaches it.
package main

import (
	"context"
	"log/slog"
	"os"

	"orders/kit/actors"
	"orders/kit/dapr"
	"orders/kit/run"
	"orders/stack/impostor"
)

func main() { run.Main(serve) }

func serve(ctx context.Context) error {
	log := slog.Default()
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
