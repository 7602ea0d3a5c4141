package feed

import "github.com/prometheus/client_golang/prometheus"

// lag is that of all feeds of this process.
var lag = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name: "orders_feed_lag_seconds", Help: "Time from a change of an order until its event reaches this replica's readers.",
	Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
})

// Register registers the metrics of the feed.
func (f *Feed) Register(registry prometheus.Registerer) {
	registry.MustRegister(lag, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_feed_readers", Help: "Streams and long polls that wait for events in this replica.",
	}, func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return float64(f.followers)
	}))
}
