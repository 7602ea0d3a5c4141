package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orders/kit/run"
)

// Path is the path of the metrics.
const Path = "/metrics"

// The build of the program. The linker sets these variables.
var (
	Version  = "dev"
	Revision = "unknown" // of the source
)

// NewRegistry returns a registry with the metrics of the process and the Go runtime, panics_total and service_build_info.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), run.Panics, buildInfo())
	return registry
}

func buildInfo() prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "service_build_info", Help: "The program that runs; always 1.",
	}, []string{"version", "revision", "go"})
	info.WithLabelValues(Version, Revision, runtime.Version()).Set(1)
	return info
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
