// Package telemetry keeps the ids of a request and its trace in contexts, and serves a service's metrics.
package telemetry

import (
	"context"
	"regexp"
)

type (
	traceKey   struct{}
	requestKey struct{}
)

// WithRequestID returns a context with a request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

var traceparentPattern = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

const noTrace = "00000000000000000000000000000000" // sent by a sidecar without tracing

// WithTraceparent returns a context with a W3C traceparent. It ignores one that is malformed or has no trace id.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if !traceparentPattern.MatchString(traceparent) || traceparent[3:35] == noTrace {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// Traceparent returns the traceparent of the context, or "".
func Traceparent(ctx context.Context) string {
	s, _ := ctx.Value(traceKey{}).(string)
	return s
}

// TraceID returns the trace id of the context's traceparent, or "".
func TraceID(ctx context.Context) string {
	if s := Traceparent(ctx); s != "" {
		return s[3:35]
	}
	return ""
}

// RequestID returns the request id of the context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
