package orderactor

import (
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ObserveTurns registers the duration of turns, and returns the observer for actors.Config.
func ObserveTurns(registry prometheus.Registerer) func(turn string, took time.Duration, err error) {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "order_turn_duration_seconds", Help: "Duration of an order's turn, without the wait for its lock.", Buckets: prometheus.DefBuckets,
	}, []string{"turn", "outcome"})
	registry.MustRegister(durations)
	names := Turns()
	return func(turn string, took time.Duration, err error) {
		if !slices.Contains(names, turn) {
			turn = "other" // other apps can send any name, and each label value is a time series
		}
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		durations.WithLabelValues(turn, outcome).Observe(took.Seconds())
	}
}

// ObserveUnsealedReplies registers a counter of replies that are not sealed with one of our keys, and returns the observer for
// actors.Invoker.
func ObserveUnsealedReplies(registry prometheus.Registerer, log *slog.Logger) func(method, id string) {
	unproven := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_unproven_replies_total", Help: "Replies of actors that were not sealed with one of our keys.",
	})
	registry.MustRegister(unproven)
	return func(method, id string) {
		unproven.Inc()
		log.Warn("ignored a reply that is not sealed with one of our keys: another app hosts Order actors, or replicas have different keys",
			"actor", id, "turn", method)
	}
}

// ObserveUnknownMessages registers a counter of messages of the sidecar that this release does not know, and returns the observer
// for actors.Config.
func ObserveUnknownMessages(registry prometheus.Registerer) func(kind int) {
	unknown := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orders_unknown_actor_messages_total", Help: "Messages of the sidecar that this release does not know; the log has each kind once.",
	})
	registry.MustRegister(unknown)
	return func(int) { unknown.Inc() }
}
