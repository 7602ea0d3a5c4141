package relay

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	leader   prometheus.Gauge
	failures prometheus.Counter
	disabled *prometheus.CounterVec
	lag      prometheus.Histogram

	clock  func() time.Time
	mu     sync.Mutex
	oldest map[string]time.Time // of the destinations that this replica sends to
}

func newMetrics(registry prometheus.Registerer, clock func() time.Time) *metrics {
	m := &metrics{
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orders_relay_leader", Help: "1 if this replica sends events to destinations, else 0.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orders_relay_failures_total", Help: "Failed attempts to send an event; each is repeated, for three days at most.",
		}),
		disabled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_relay_disabled_total", Help: "Destinations that the relay has disabled: an event failed for three days (failing), " +
				"the destination answered 410 Gone (refused), or its next event was pruned from the event log (expired).",
		}, []string{"cause"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orders_relay_lag_seconds", Help: "Time from a change of an order until its event was delivered to a destination.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 28800, 86400},
		}),
		clock: clock, oldest: map[string]time.Time{},
	}
	for _, cause := range []string{"failing", "refused", "expired"} {
		m.disabled.WithLabelValues(cause)
	}
	registry.MustRegister(m.leader, m.failures, m.disabled, m.lag, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_relay_oldest_unsent_seconds",
		Help: "Age of the oldest event that a destination has not received, of the destinations that this replica sends to; 0 if there is none.",
	}, m.oldestAge))
	return m
}

func (m *metrics) delivered(lag time.Duration) { m.lag.Observe(max(lag, 0).Seconds()) }

// observeOldest sets the time of the oldest unsent event of a destination, zero if there is none.
func (m *metrics) observeOldest(id string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.oldest[id] = at
}

func (m *metrics) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.oldest, id)
}

func (m *metrics) oldestAge() (age float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range m.oldest {
		if !at.IsZero() {
			age = max(age, m.clock().Sub(at).Seconds())
		}
	}
	return age
}
