package payer

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// calls is the duration of the calls of all payers of this process.
var calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name: "orders_payment_call_duration_seconds", Help: "Duration of a call to payments-svc.", Buckets: prometheus.DefBuckets,
}, []string{"call", "outcome"})

// Register registers the metrics of payments and voids.
func (p *Payer) Register(registry prometheus.Registerer) {
	for _, result := range []string{"confirmed", "declined", "refused", "timeout", "failed"} {
		calls.WithLabelValues("pay", result)
	}
	for _, result := range []string{"voided", "refused", "timeout", "failed"} {
		calls.WithLabelValues("void", result)
	}
	registry.MustRegister(calls, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_payments_owing", Help: "Payments and voids that are waiting or running in this replica.",
	}, func() float64 { return float64(p.Pending()) }))
}

// observe observes a call that returned result, unless it returned err.
func observe(call, result string, start time.Time, err error) {
	switch {
	case errors.Is(err, ErrRefused):
		result = "refused"
	case errors.Is(err, context.DeadlineExceeded):
		result = "timeout"
	case err != nil:
		result = "failed"
	}
	calls.WithLabelValues(call, result).Observe(time.Since(start).Seconds())
}
