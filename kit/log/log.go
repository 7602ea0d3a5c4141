// Package log creates the services' loggers.
package log

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"orders/kit/telemetry"
)

// New returns a logger that writes to w at a level (debug, info, warn, error) in a format (text, json), and its level, which
// may be changed at any time. Records that are logged with a request's context have its trace_id and request_id.
func New(w io.Writer, level, format string) (*slog.Logger, *slog.LevelVar, error) {
	l := new(slog.LevelVar)
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, fmt.Errorf("parse log level %q: %w", level, err)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(withIDs{slog.NewTextHandler(w, options)}), l, nil
	case "json":
		return slog.New(withIDs{slog.NewJSONHandler(w, options)}), l, nil
	}
	return nil, nil, fmt.Errorf("log format %q is not text or json", format)
}

type withIDs struct{ slog.Handler }

func (h withIDs) Handle(ctx context.Context, r slog.Record) error {
	if id := telemetry.TraceID(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	if id := telemetry.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h withIDs) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withIDs{h.Handler.WithAttrs(attrs)}
}

func (h withIDs) WithGroup(name string) slog.Handler { return withIDs{h.Handler.WithGroup(name)} }
