package orderactor

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/orders-actor/order"
)

// The metrics of all orders of this process.
var (
	transitions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orders_transitions_total", Help: "Transitions of orders, by the new status and the cause.",
	}, []string{"status", "cause"})
	statusDurations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orders_status_duration_seconds", Help: "Time that an order was in a status before it left it.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600},
	}, []string{"status"})
	lateness = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "orders_delivery_lateness_seconds", Help: "Time from the moment when an order was due to its delivery.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
	})
	conflicts = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_conflicts_total", Help: "Versions that the order database rejected because it had another one.",
	})
	replays = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_replayed_creates_total", Help: "Creates that returned the order of an earlier request.",
	})
)

// Register registers the metrics of orders.
func Register(registry prometheus.Registerer) {
	transitions.WithLabelValues(string(order.Created), "created")
	for _, t := range order.Transitions() {
		transitions.WithLabelValues(string(t.To), string(t.Event))
		statusDurations.WithLabelValues(string(t.From))
	}
	registry.MustRegister(transitions, statusDurations, lateness, conflicts, replays)
}

// observe counts and logs the transition to next. from and since are the previous status and its time; from is empty for a new
// order.
func (o *Order) observe(ctx context.Context, from order.Status, since time.Time, next order.State) {
	entry := next.History[len(next.History)-1]
	transitions.WithLabelValues(string(next.Status), entry.Cause).Inc()
	if from != "" {
		statusDurations.WithLabelValues(string(from)).Observe(next.UpdatedAt.Sub(since).Seconds())
	}
	if next.Status == order.Delivered && next.DeliverAt != nil {
		lateness.Observe(max(next.UpdatedAt.Sub(*next.DeliverAt), 0).Seconds())
	}
	if o.Log != nil && o.Log.Enabled(ctx, slog.LevelInfo) {
		o.Log.LogAttrs(ctx, slog.LevelInfo, "order changed", slog.String("order", next.ID), slog.String("status", string(next.Status)),
			slog.Int("version", next.Version), slog.String("cause", entry.Cause), slog.String("by", string(entry.By)))
	}
}
