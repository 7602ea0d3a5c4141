package attention

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	needing = prometheus.NewDesc("orders_attention", "Orders that need attention, by the reason, at most 1,000; all replicas report the same number.",
		[]string{"reason"}, nil)
	oldest = prometheus.NewDesc("orders_attention_oldest_seconds", "How long the oldest order that needs attention has waited; 0 if there is none.",
		[]string{"reason"}, nil)
)

// Register registers the number of orders that need attention. Each scrape counts them.
func (s *Store) Register(registry prometheus.Registerer) { registry.MustRegister(collector{s}) }

type collector struct{ *Store }

// Describe implements prometheus.Collector.
func (collector) Describe(out chan<- *prometheus.Desc) { out <- needing; out <- oldest }

// Collect implements prometheus.Collector. It returns nothing while the database does not answer, which is a metric of its own.
func (c collector) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	groups, err := c.Summary(context.Background(), now)
	if err != nil {
		return
	}
	all := map[Reason]Group{Unpaid: {}, Overdue: {}, VoidPending: {}, Inconsistent: {}} // also those without orders
	for _, g := range groups {
		all[g.Reason] = g
	}
	for reason, g := range all {
		age := 0.0
		if g.Count > 0 {
			age = now.Sub(g.Oldest).Seconds()
		}
		out <- prometheus.MustNewConstMetric(needing, prometheus.GaugeValue, float64(g.Count), string(reason))
		out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age, string(reason))
	}
}
