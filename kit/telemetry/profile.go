package telemetry

import (
	"context"
	"log/slog"
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
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		return serve(ctx, log, "profiles", setting, address, mux, 2*time.Minute)
	}
}
