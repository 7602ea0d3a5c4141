package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"orders/kit/config"
	"orders/kit/run"
)

// Tracing are the settings of tracing.
type Tracing struct {
	Endpoint string // base URL of an OTLP receiver (HTTP); empty: tracing is off
	Sampler  string // a sampler of OpenTelemetry; empty: each trace that no client has decided about is recorded
	Ratio    float64
}

// The samplers of OpenTelemetry's specification.
var samplers = []string{
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio", "always_on", "always_off", "traceidratio",
}

// ReadTracing reads OpenTelemetry's variables. The SDK itself reads OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES and others.
func ReadTracing(env *config.Reader) Tracing {
	t := Tracing{
		Endpoint: env.URL("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
		Sampler:  env.Enum("OTEL_TRACES_SAMPLER", samplers[0], samplers...),
		Ratio:    env.Rate("OTEL_TRACES_SAMPLER_ARG", 1),
	}
	if env.Enum("OTEL_SDK_DISABLED", "false", "true", "false") == "true" {
		t.Endpoint = ""
	}
	return t
}

func (t Tracing) sampler() sdktrace.Sampler {
	switch t.Sampler {
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(t.Ratio))
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(t.Ratio)
	default:
		return sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
}

const flushTimeout = 2 * time.Second // of the last spans

// StartTracing starts to record spans for a service, and returns a runner that exports the last of them when its context ends.
// Without an endpoint it does nothing. A receiver that is away costs spans, never more: they are dropped when too many wait.
func StartTracing(ctx context.Context, t Tracing, service string, log *slog.Logger) (run.Runner, error) {
	if t.Endpoint == "" {
		return func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(t.Endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	of, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("cannot export traces", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(of), sdktrace.WithSampler(t.sampler()))
	stop := Record(provider)
	log.InfoContext(ctx, "exporting traces", "endpoint", withoutUser(t.Endpoint), "sampler", t.Sampler)
	return func(ctx context.Context) error {
		<-ctx.Done()
		defer stop()
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(flush); err != nil {
			log.Warn("cannot export the last traces", "error", err)
		}
		return nil
	}, nil
}

// withoutUser returns a URL without what may be a password.
func withoutUser(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil {
		return u.Redacted()
	}
	return ""
}

// Record makes Start return spans of the provider, until stop is called.
func Record(provider trace.TracerProvider) (stop func()) {
	tracer.Store(new(provider.Tracer("orders/kit/telemetry")))
	return func() { tracer.Store(nil) }
}
