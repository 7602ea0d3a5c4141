package orderactor_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/orderactor"
)

// counted returns the value of each counter and the number of observations of each histogram, summed over its labels.
func counted(t *testing.T) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	orderactor.Register(registry)
	families, err := registry.Gather()
	require.NoError(t, err)
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sums
}

func TestEachTransitionIsCountedAndLoggedOnce(t *testing.T) {
	before := counted(t)
	w, o := confirmedWorld(t)
	var logged bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&logged, nil))
	w.now = noon.Add(deliverAfter)
	require.NoError(t, o.Deliver(t.Context()))
	require.NoError(t, o.Deliver(t.Context()), "again")

	require.Equal(t, 1, strings.Count(logged.String(), "\n"), "%s", logged.String())
	for _, want := range []string{"order=", "status=delivered", "version=3", "cause=delivery-due", "by=system"} {
		assert.Contains(t, logged.String(), want)
	}
	after := counted(t)
	assert.InDelta(t, 3, after["orders_transitions_total"]-before["orders_transitions_total"], 0)
	assert.InDelta(t, 2, after["orders_status_duration_seconds"]-before["orders_status_duration_seconds"], 0)
	assert.InDelta(t, 1, after["orders_delivery_lateness_seconds"]-before["orders_delivery_lateness_seconds"], 0)
	assert.Zero(t, after["orders_conflicts_total"]-before["orders_conflicts_total"])
}
