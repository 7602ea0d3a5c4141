// Package telemetry carries the ids of a request and its trace in contexts, and serves a service's metrics.
package telemetry

import (
	"context"
	"regexp"
)

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

// RequestID is what WithRequestID kept, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
