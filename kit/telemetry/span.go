package telemetry

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The kinds of spans.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer // work for a request of another process
	Client   = trace.SpanKindClient // a request to another process
)

// tracer is nil while tracing is off. OpenTelemetry's own no-op tracer allocates for each span.
var tracer atomic.Pointer[trace.Tracer]

// Span is a traced piece of work. The zero value, which Start returns while tracing is off, does nothing.
type Span struct{ span trace.Span }

// Start starts a span as a child of the context's span, and returns a context with it. While tracing is off it allocates
// nothing.
func Start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	t := tracer.Load()
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := (*t).Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// SetName sets the name to two words.
func (s Span) SetName(first, second string) {
	if s.span != nil {
		s.span.SetName(first + " " + second)
	}
}

// Set sets an attribute.
func (s Span) Set(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// SetInt sets an attribute.
func (s Span) SetInt(key string, value int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(key, value))
	}
}

// End ends the span. It must be called once. The span is marked as failed if err is not nil.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// Link links the context's span to the trace of a W3C traceparent, unless it is part of it.
func Link(ctx context.Context, traceparent string) {
	if traceparent == "" || tracer.Load() == nil {
		return
	}
	to := trace.SpanContextFromContext(WithTraceparent(context.Background(), traceparent))
	span := trace.SpanFromContext(ctx)
	if to.IsValid() && to.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: to})
	}
}

// WithTraceparent returns a context in which new spans are children of the span in a W3C traceparent. It ignores one that is
// malformed or has no trace id.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	header := carrier(traceparent)
	return propagation.TraceContext{}.Extract(ctx, &header)
}

// Traceparent returns the W3C traceparent of the context's span, or "".
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	var header carrier
	propagation.TraceContext{}.Inject(ctx, &header)
	return string(header)
}

// TraceID returns the trace id of the context's span, or "".
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// HeaderTraceparent is the name of the header with a traceparent.
const HeaderTraceparent = "traceparent"

// carrier is the value of the header traceparent. Other headers are neither read nor written.
type carrier string

func (c *carrier) Get(key string) string {
	if key == HeaderTraceparent {
		return string(*c)
	}
	return ""
}

func (c *carrier) Set(key, value string) {
	if key == HeaderTraceparent {
		*c = carrier(value)
	}
}

func (c *carrier) Keys() []string { return []string{HeaderTraceparent} }
