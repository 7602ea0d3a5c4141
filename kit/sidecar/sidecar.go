// Package sidecar connects a service to its Dapr sidecar.
//
// It guarantees that a sidecar that starts late is waited for until the caller's context ends, and that one that was
// away is met again within seconds: gRPC's own default would back off for up to two minutes.
package sidecar

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"os"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Dial returns a client once the sidecar answers. It takes the address from DAPR_GRPC_ENDPOINT or DAPR_GRPC_PORT, as the
// SDK does, and fails only with the context or on an address that can't be.
func Dial(ctx context.Context, log *slog.Logger) (dapr.Client, error) {
	dapr.SetLogger(stdlog.New(io.Discard, "", 0)) // it logs each try
	address := Address()
	for waited := false; ; waited = true {
		client, err := dapr.NewClientWithAddressContext(ctx, address, Reconnect(100*time.Millisecond, 2*time.Second)) // gives up after 5 s by itself
		if err == nil {
			return client, nil
		}
		if !waited {
			log.InfoContext(ctx, "waiting for the Dapr sidecar", "address", address)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the Dapr sidecar at %s: %w (last: %w)", address, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond): // what fails at once must not spin
		}
	}
}

// Reconnect makes a broken connection try again after the first pause, and then after ever longer ones up to longest.
func Reconnect(first, longest time.Duration) grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: first, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longest},
		MinConnectTimeout: 5 * time.Second,
	})
}

// Address is where the sidecar serves gRPC.
func Address() string {
	if endpoint := os.Getenv("DAPR_GRPC_ENDPOINT"); endpoint != "" {
		return endpoint
	}
	port := os.Getenv("DAPR_GRPC_PORT")
	if port == "" {
		port = "50001"
	}
	return net.JoinHostPort("127.0.0.1", port)
}
