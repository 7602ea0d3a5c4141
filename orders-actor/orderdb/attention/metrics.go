package attention

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/orders-actor/orderdb/sqldb"
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
	waiting, err := c.waiting(context.Background(), now)
	if err != nil {
		return
	}
	for reason, w := range waiting {
		age := 0.0
		if w.since.Valid {
			age = now.Sub(time.UnixMilli(w.since.Int64)).Seconds()
		}
		out <- prometheus.MustNewConstMetric(needing, prometheus.GaugeValue, float64(w.count), string(reason))
		out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age, string(reason))
	}
}

type waiting struct {
	count int
	since sql.NullInt64 // in milliseconds
}

// waiting returns the orders that need attention, up to CountLimit per reason, and since when the oldest has waited.
func (s *Store) waiting(ctx context.Context, now time.Time) (map[Reason]waiting, error) {
	all := map[Reason]waiting{}
	err := s.db.Call(ctx, "count orders that need attention", callTimeout, func(ctx context.Context) error {
		for reason, from := range map[Reason][2]string{
			Unpaid: {"updated_at", "orders WHERE " + unpaid}, Overdue: {"deliver_at", "orders WHERE " + overdue},
			VoidPending: {"updated_at", "orders WHERE " + voids}, Inconsistent: {"found_at", "order_findings WHERE found_at < $1"},
		} {
			before := threshold(now, s.After)
			if reason == Inconsistent { // at once
				before = threshold(now, -time.Minute)
			}
			found, err := sqldb.Rows(ctx, s.db.System, `SELECT count(*), min(since) FROM (SELECT `+from[0]+` AS since FROM `+from[1]+
				` ORDER BY `+from[0]+` LIMIT $2) AS found`, []any{before, CountLimit}, func(scan sqldb.Scan, w *waiting) error { return scan(&w.count, &w.since) })
			if err != nil {
				return err
			}
			all[reason] = found[0]
		}
		return nil
	})
	return all, err
}
