// Package dapr connects a service to its Dapr sidecar and loads its keys from the secret store.
package dapr

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orders/kit/telemetry"
)

// Backoff of reconnects. It is short because the sidecar is local; gRPC's default grows to two minutes.
const (
	FirstBackoff = 200 * time.Millisecond
	MaxBackoff   = time.Second
)

// Dial returns a connection to the sidecar's gRPC API. It connects on first use and reconnects when the connection breaks, so
// the sidecar may start later. token is Dapr's API token, or "".
func Dial(address, token string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	withMetadata := func(ctx context.Context) context.Context {
		if traceparent := telemetry.Traceparent(ctx); traceparent != "" { // the parent of the sidecar's spans
			ctx = metadata.AppendToOutgoingContext(ctx, telemetry.HeaderTraceparent, traceparent)
		}
		if token == "" {
			return ctx
		}
		return metadata.AppendToOutgoingContext(ctx, "dapr-api-token", token)
	}
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), // loopback only
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: FirstBackoff, Multiplier: 1.6, Jitter: 0.2, MaxDelay: MaxBackoff},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return call(withMetadata(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(withMetadata(ctx), desc, cc, method, opts...)
		}),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("dial the sidecar at %s: %w", address, err)
	}
	return conn, nil
}

// Address returns the address of the sidecar's gRPC API: DAPR_GRPC_ENDPOINT, or DAPR_GRPC_PORT on localhost.
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
