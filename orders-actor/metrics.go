package main

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/orders-actor/turn"
)

// observe measures turns, and what waits for payments-svc.
func observe(registry prometheus.Registerer, payer *turn.Worker) func(string, time.Duration, error) {
	turns := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "order_turn_duration_seconds", Help: "Time of an order's turn, without the wait for it.", Buckets: prometheus.DefBuckets,
	}, []string{"turn", "outcome"})
	owing := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_payments_owing", Help: "Payments and voids that wait or are at work in this replica.",
	}, func() float64 { return float64(payer.Owing()) })
	registry.MustRegister(turns, owing)
	return func(name string, took time.Duration, err error) {
		if !slices.Contains(turn.Turns, name) {
			name = "other" // anybody may try a name
		}
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		turns.WithLabelValues(name, outcome).Observe(took.Seconds())
	}
}
