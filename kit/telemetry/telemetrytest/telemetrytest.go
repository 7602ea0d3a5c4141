// Package telemetrytest records spans in tests.
package telemetrytest

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"orders/kit/telemetry"
)

// Traceparent is the traceparent of a recorded trace, and TraceID its id.
const (
	Traceparent = "00-" + TraceID + "-b7ad6b7169203331-01"
	TraceID     = "0af7651916cd43dd8448eb211c80319c"
)

// Record returns a recorder of all spans of this process until the test ends. Tests that use it must not run in parallel.
func Record(t testing.TB) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	t.Cleanup(telemetry.Record(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	return recorder
}

// Names returns the names of the ended spans of the trace TraceID, in the sequence of their ends.
func Names(recorder *tracetest.SpanRecorder) (names []string) {
	for _, span := range recorder.Ended() {
		if span.SpanContext().TraceID().String() == TraceID {
			names = append(names, span.Name())
		}
	}
	return names
}
