package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orders/kit/run"
)

// Path is the path of the metrics.
const Path = "/metrics"

// NewRegistry returns a registry with the metrics of the process and the Go runtime, and panics_total.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), run.Panics)
	return registry
}

// Serve returns a runner that serves the registry at Path until ctx ends. It has its own address, so that clients of the API
// cannot reach it. Errors name the setting that has the address.
func Serve(registry *prometheus.Registry, log *slog.Logger, setting, address string) run.Runner {
	return func(ctx context.Context) error {
		mux := http.NewServeMux()
		mux.Handle("GET "+Path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
		return serve(ctx, log, "metrics", setting, address, mux, 20*time.Second)
	}
}

// serve serves HTTP until ctx ends. what is logged. Responses may take as long as the timeout.
func serve(ctx context.Context, log *slog.Logger, what, setting, address string, handler http.Handler, timeout time.Duration) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", setting, err)
	}
	log.InfoContext(ctx, "serving "+what, "address", listener.Addr().String())
	server := &http.Server{
		Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: timeout, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}
