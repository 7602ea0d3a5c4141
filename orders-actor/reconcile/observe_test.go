package reconcile_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"orders/kit/telemetry"
	"orders/kit/telemetry/telemetrytest"
	"orders/orders-actor/reconcile"
)

func TestEachReconcileIsTracedAndCounted(t *testing.T) {
	recorder := telemetrytest.Record(t)
	registry := prometheus.NewRegistry()
	reconcile.Register(registry)
	var traceID string
	w := &world{resumed: map[string][]time.Time{}, resume: func(ctx context.Context, id string) error {
		traceID = telemetry.TraceID(ctx)
		if id == "bad" {
			return errors.New("away")
		}
		return nil
	}}
	r := reconcile.New(reconcile.Config{OrderDB: w, Orders: w, Log: slog.New(slog.DiscardHandler)})
	before, err := testutil.GatherAndCount(registry, "orders_reconciles_total")
	require.NoError(t, err)
	require.Equal(t, 2, before, "done and failed exist from the start")
	r.Resume(t.Context(), "good")
	r.Resume(t.Context(), "bad")

	spans := recorder.Ended()
	require.Len(t, spans, 2)
	require.Equal(t, "reconcile", spans[1].Name())
	require.Equal(t, "away", spans[1].Status().Description)
	require.Equal(t, spans[1].SpanContext().TraceID().String(), traceID, "the command continues the trace")
}
