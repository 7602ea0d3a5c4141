package reconcile

import "github.com/prometheus/client_golang/prometheus"

// reconciles counts the commands of all reconcilers of this process.
var reconciles = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "orders_reconciles_total", Help: "Orders that were resumed because a reminder, a payment or a void was missed.",
}, []string{"outcome"})

// Register registers the number of resumed orders.
func Register(registry prometheus.Registerer) {
	reconciles.WithLabelValues("done")
	reconciles.WithLabelValues("failed")
	registry.MustRegister(reconciles)
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "done"
}
