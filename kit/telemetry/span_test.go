package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"orders/kit/config"
)

const (
	parent  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traceID = "0af7651916cd43dd8448eb211c80319c"
)

// recorded returns a recorder of all spans until the test ends.
func recorded(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	t.Cleanup(Record(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	return recorder
}

func TestSpansAreChildrenOfTheTraceparentAndLinked(t *testing.T) {
	recorder := recorded(t)
	ctx, outer := Start(WithTraceparent(t.Context(), parent), "outer", Server)
	inner, span := Start(ctx, "inner", Internal)
	span.SetName("inner", "renamed")
	span.Set("order", "7")
	span.SetInt("version", 2)
	const other = "00-11111111111111111111111111111111-b7ad6b7169203331-01"
	Link(inner, other)
	Link(inner, parent)
	Link(inner, "")
	require.Equal(t, traceID, TraceID(inner))
	span.End(errors.New("away"))
	outer.End(nil)

	ended := recorder.Ended()
	require.Len(t, ended, 2)
	require.Equal(t, "inner renamed", ended[0].Name())
	require.Equal(t, codes.Error, ended[0].Status().Code)
	require.Len(t, ended[0].Attributes(), 2)
	require.Len(t, ended[0].Links(), 1, "none to its own trace")
	require.Equal(t, ended[1].SpanContext().SpanID(), ended[0].Parent().SpanID())
	require.Equal(t, "b7ad6b7169203331", ended[1].Parent().SpanID().String())
	require.Equal(t, ended[0].SpanContext().SpanID().String(), Traceparent(inner)[36:52])
}

func TestTraceparentsAreValidated(t *testing.T) {
	require.Equal(t, parent, Traceparent(WithTraceparent(t.Context(), parent)))
	for _, bad := range []string{
		"", "00-forged\n-01", "00-00000000000000000000000000000000-0000000000000000-00", parent + "\n", "ff" + parent[2:],
	} {
		ctx := WithTraceparent(t.Context(), bad)
		require.Empty(t, Traceparent(ctx), bad)
		require.Empty(t, TraceID(ctx), bad)
	}
}

// All turns and requests call these functions, so they must be free while tracing is off.
func TestOffCostsNoAllocation(t *testing.T) {
	background := context.Background()
	work := func() {
		ctx, span := Start(background, "turn", Internal)
		span.SetName("turn", "create")
		span.Set("actor.id", "7")
		span.SetInt("version", 2)
		Link(ctx, parent)
		if Traceparent(ctx) != "" || TraceID(ctx) != "" || WithTraceparent(ctx, "") != background {
			t.Fatal("has a trace")
		}
		span.End(nil)
	}
	require.Zero(t, testing.AllocsPerRun(1000, work))
}

func BenchmarkSpanWhileOff(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_, span := Start(ctx, "turn", Internal)
		span.Set("actor.id", "7")
		span.End(nil)
	}
}

func TestSpansAreExportedUntilTheEnd(t *testing.T) {
	received := make(chan *coltracepb.ExportTraceServiceRequest, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var message coltracepb.ExportTraceServiceRequest
		if err == nil && r.URL.Path == "/v1/traces" && proto.Unmarshal(body, &message) == nil {
			received <- &message
		}
	}))
	defer receiver.Close()

	settings := ReadTracing(config.Map(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL}))
	ctx, stop := context.WithCancel(t.Context())
	end, err := StartTracing(ctx, settings, "orders-actor", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, span := Start(ctx, "request", Server)
	span.End(nil)
	stop()
	require.NoError(t, end(ctx))
	spans := (<-received).ResourceSpans[0]
	require.Equal(t, "request", spans.ScopeSpans[0].Spans[0].Name)
	require.Contains(t, spans.Resource.String(), "orders-actor")
}

func TestTracingSettings(t *testing.T) {
	const endpoint = "http://collector:4318"
	for name, c := range map[string]struct {
		set     map[string]string
		on      bool
		sampler string
	}{
		"off by default": {nil, false, "ParentBased{root:AlwaysOnSampler"},
		"on":             {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, true, "ParentBased{root:AlwaysOnSampler"},
		"disabled":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SDK_DISABLED": "true"}, false, ""},
		"ratio": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
		}, true, "ParentBased{root:TraceIDRatioBased{0.25}"},
	} {
		env := config.Map(c.set)
		got := ReadTracing(env)
		require.NoError(t, env.Err(), name)
		require.Equal(t, c.on, got.Endpoint != "", name)
		require.Contains(t, got.sampler().Description(), c.sampler, name)
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector", "OTEL_TRACES_SAMPLER": "some", "OTEL_TRACES_SAMPLER_ARG": "2", "OTEL_SDK_DISABLED": "maybe",
	} {
		env := config.Map(map[string]string{name: value})
		ReadTracing(env)
		require.ErrorContains(t, env.Err(), name)
	}
}
