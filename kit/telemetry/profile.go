package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"orders/kit/run"
)

// ServeProfiles returns a runner that serves the process's profiles at /debug/pprof/, see package net/http/pprof, until ctx ends.
// With an empty address it serves nothing. Profiles slow the
// process and tell about its data, so the address must be on loopback.
func ServeProfiles(log *slog.Logger, setting, address string) run.Runner {
	return func(ctx context.Context) error {
		if address == "" {
			<-ctx.Done()
			return nil
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", setting, err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		log.InfoContext(ctx, "serving profiles", "address", listener.Addr().String())
		return serve(ctx, log, listener, mux, 2*time.Minute)
	}
}
