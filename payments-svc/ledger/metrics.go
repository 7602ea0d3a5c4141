package ledger

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/payments-svc/payment"
)

// calls is the duration of the calls of all ledgers of this process.
var calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name: "payments_ledger_call_duration_seconds", Help: "Duration of a call of the ledger's state store.", Buckets: prometheus.DefBuckets,
}, []string{"call", "outcome"})

// Register registers the duration of calls.
func Register(registry prometheus.Registerer) {
	for _, call := range []string{"load", "save"} {
		for _, outcome := range []string{"done", "failed"} {
			calls.WithLabelValues(call, outcome)
		}
	}
	calls.WithLabelValues("save", "conflict")
	registry.MustRegister(calls)
}

func observe(call string, start time.Time, err error) {
	outcome := "done"
	switch {
	case errors.Is(err, payment.ErrConflict):
		outcome = "conflict"
	case err != nil:
		outcome = "failed"
	}
	calls.WithLabelValues(call, outcome).Observe(time.Since(start).Seconds())
}
