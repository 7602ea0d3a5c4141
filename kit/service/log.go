package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
)

// Logger logs to w at a level (debug, info, warn, error) in a format (text, json). Lines of a request carry its trace id
// and request id.
func Logger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: %w", level, err)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(traced{slog.NewTextHandler(w, options)}), nil
	case "json":
		return slog.New(traced{slog.NewJSONHandler(w, options)}), nil
	}
	return nil, fmt.Errorf("log format %q isn't text or json", format)
}

type traced struct{ slog.Handler }

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if id := TraceID(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	if id, ok := ctx.Value(requestKey{}).(string); ok {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }

type (
	traceKey   struct{}
	requestKey struct{}
)

// WithRequestID keeps the id that a request's caller knows it by in the context.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

var traceparentForm = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

const noTrace = "00000000000000000000000000000000" // what a sidecar sends that doesn't trace

// WithTraceparent keeps a W3C traceparent in the context; one that isn't well formed, or names no trace, is left out.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if !traceparentForm.MatchString(traceparent) || traceparent[3:35] == noTrace {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// Traceparent is what WithTraceparent kept, or "".
func Traceparent(ctx context.Context) string {
	s, _ := ctx.Value(traceKey{}).(string)
	return s
}

// TraceID is the trace's part of the context's traceparent, or "".
func TraceID(ctx context.Context) string {
	if s := Traceparent(ctx); s != "" {
		return s[3:35]
	}
	return ""
}
