package main

import (
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
)

// observeUnproven counts replies that no host of ours has sealed.
func observeUnproven(registry prometheus.Registerer, log *slog.Logger) func(method, id string) {
	unproven := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_unproven_replies_total", Help: "Replies of actors that were not sealed with a key of ours.",
	})
	registry.MustRegister(unproven)
	return func(method, id string) {
		unproven.Inc()
		log.Warn("ignored a reply that is not sealed with a key of ours: another app hosts Order actors, or replicas have different keys",
			"actor", id, "turn", method)
	}
}

// observeUnknown counts messages of the sidecar that this release does not know.
func observeUnknown(registry prometheus.Registerer) func(kind int) {
	unknown := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_unknown_actor_messages_total", Help: "Messages of the sidecar that this release does not know; the log names each kind once.",
	})
	registry.MustRegister(unknown)
	return func(int) { unknown.Inc() }
}

// observe measures turns, and what waits for payments-svc.
func observe(registry prometheus.Registerer, payer *payer.Payer) func(string, time.Duration, error) {
	turns := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "order_turn_duration_seconds", Help: "Time of an order's turn, without the wait for it.", Buckets: prometheus.DefBuckets,
	}, []string{"turn", "outcome"})
	owing := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_payments_owing", Help: "Payments and voids that wait or are at work in this replica.",
	}, func() float64 { return float64(payer.Pending()) })
	registry.MustRegister(turns, owing)
	return func(name string, took time.Duration, err error) {
		if !slices.Contains(orderactor.Turns(), name) {
			name = "other" // anybody may try a name
		}
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		turns.WithLabelValues(name, outcome).Observe(took.Seconds())
	}
}
