// Package telemetry has what operators see of a service: spans of traces, metrics, profiles, and the ids of requests and
// traces in contexts.
//
// Tracing is off until StartTracing is called. Contexts then still carry the trace of a client, so that logs have its id.
package telemetry

import "context"

type requestKey struct{}

// WithRequestID returns a context with a request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID returns the request id of the context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
