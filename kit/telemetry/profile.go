package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"orders/kit/run"
)

// LevelPath is the path of the log level: GET returns it, PUT changes it until the process ends.
const LevelPath = "/loglevel"

// ServeProfiles returns a runner that serves the log level at LevelPath and the process's profiles at /debug/pprof/, see package
// net/http/pprof, until ctx ends. With an empty address it serves nothing. Profiles slow the process and, like debug logs, tell
// about its data, so the address must be on loopback.
func ServeProfiles(log *slog.Logger, level *slog.LevelVar, setting, address string) run.Runner {
	return func(ctx context.Context) error {
		if address == "" {
			<-ctx.Done()
			return nil
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET "+LevelPath, func(w http.ResponseWriter, _ *http.Request) { writeLevel(w, level) })
		mux.HandleFunc("PUT "+LevelPath, func(w http.ResponseWriter, r *http.Request) {
			before := level.Level()
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
			if err == nil {
				err = level.UnmarshalText(bytes.TrimSpace(body))
			}
			if err != nil {
				http.Error(w, "the level must be debug, info, warn or error", http.StatusBadRequest)
				return
			}
			log.Log(r.Context(), max(before, level.Level()), "log level changed", "from", before, "to", level.Level())
			writeLevel(w, level)
		})
		return serve(ctx, log, "profiles", setting, address, mux, 2*time.Minute)
	}
}

func writeLevel(w http.ResponseWriter, level *slog.LevelVar) {
	fmt.Fprintln(w, strings.ToLower(level.Level().String()))
}
