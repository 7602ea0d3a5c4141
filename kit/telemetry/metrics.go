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

// Path is where Serve serves.
const Path = "/metrics"

// NewRegistry makes a metrics registry that has the process's and the runtime's own metrics, and the count of panics.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), run.Panics)
	return registry
}

// Serve serves the registry at /metrics on an address of its own, so that it is not reachable wherever the API is. It
// stops when ctx ends.
func Serve(registry *prometheus.Registry, log *slog.Logger, setting, address string) run.Runner {
	return func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", setting, err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+Path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
		server := &http.Server{
			Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		log.InfoContext(ctx, "serving metrics", "address", listener.Addr().String())
		if err := server.Serve(listener); ctx.Err() == nil {
			return fmt.Errorf("serve metrics on %s: %w", address, err)
		}
		return nil
	}
}
