package sqldb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/kit/telemetry"
)

// calls is the duration of calls of all databases of this process.
var calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name: "orders_database_call_duration_seconds", Help: "Duration of a call of the order database, with the wait for a connection.",
	Buckets: prometheus.DefBuckets,
}, []string{"call", "outcome"})

// Register registers the duration of calls.
func Register(registry prometheus.Registerer) { registry.MustRegister(calls) }

// observe starts the observation of a call. The returned function ends it.
func observe(ctx context.Context, what string) (context.Context, func(error)) {
	start, call := time.Now(), callName(what)
	ctx, span := telemetry.Start(ctx, call, telemetry.Client)
	return ctx, func(err error) {
		outcome := "done"
		switch {
		case errors.Is(err, ErrUnavailable):
			outcome = "unavailable"
		case errors.Is(err, context.Canceled):
			outcome = "canceled"
		case err != nil: // such as a conflict
			outcome = "refused"
		}
		calls.WithLabelValues(call, outcome).Observe(time.Since(start).Seconds())
		span.End(err)
	}
}

// callName returns what without the id of an order: each name is a time series.
func callName(what string) string {
	if i := strings.LastIndexByte(what, ' '); i > 0 && strings.HasSuffix(what[:i], " order") {
		return what[:i]
	}
	return what
}
