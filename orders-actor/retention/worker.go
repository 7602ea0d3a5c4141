package retention

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/kit/run"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/eventlog"
)

// Store lists the orders that are to be removed, which replicas share, see removal.Store.
type Store interface {
	Claim(ctx context.Context, now time.Time, interval time.Duration, before time.Time, n int) ([]order.State, error)
	EraseEvents(ctx context.Context, customer string) (int64, error)
}

const (
	interval = 5 * time.Second // between two claims of all replicas
	batch    = 50              // orders per claim: 36,000 per hour
)

// Config configures a Worker.
type Config struct {
	Remover  Remover
	Store    Store
	Log      *slog.Logger
	Days     int // how long final orders are kept; 0: for ever
	Clock    func() time.Time
	Registry prometheus.Registerer
}

// Worker removes old orders in the background.
type Worker struct {
	Config
	removed   prometheus.Counter
	failed    prometheus.Counter
	lastError prometheus.Gauge
}

// New returns a Worker. Run starts it.
func New(c Config) *Worker {
	w := &Worker{
		Config:    c,
		removed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_removed_total", Help: "Orders that were removed because they are older than RETAIN_DAYS."}),
		failed:    prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_remove_failures_total", Help: "Failed removals of orders; each is repeated."}),
		lastError: prometheus.NewGauge(prometheus.GaugeOpts{Name: "orders_remove_last_error_timestamp_seconds", Help: "Time of the last failed removal; 0 if there was none."}),
	}
	c.Registry.MustRegister(w.removed, w.failed, w.lastError)
	return w
}

// Run removes orders until ctx ends. It returns nil. With Days 0 it does nothing.
func (w *Worker) Run(ctx context.Context) error {
	if w.Days <= 0 {
		<-ctx.Done()
		return nil
	}
	return run.Every(interval, w.Log, "retention", w.Remove)(ctx)
}

// Remove claims old orders and removes them, one after another. Those that fail are claimed again later.
func (w *Worker) Remove(ctx context.Context) error {
	now := w.Clock()
	before := now.AddDate(0, 0, -w.Days)
	states, err := w.Store.Claim(ctx, now, interval, before, batch)
	customers := map[string]bool{}
	for _, s := range states {
		if ctx.Err() != nil {
			break
		}
		if err := run.Catch(ctx, w.Log, "retention", func() error { return w.Remover.Remove(ctx, s, before) }); err != nil {
			if ctx.Err() == nil {
				w.fail()
				w.Log.WarnContext(ctx, "cannot remove an old order", "order", s.ID, "error", err)
			}
			continue
		}
		w.removed.Inc()
		w.Log.InfoContext(ctx, "removed an old order", "order", s.ID)
		customers[s.Customer] = true
	}
	if before.After(now.Add(-eventlog.Retention)) { // otherwise all their events are pruned already
		for customer := range customers {
			_, eraseErr := w.Store.EraseEvents(ctx, customer)
			err = errors.Join(err, eraseErr)
		}
	}
	if err != nil && ctx.Err() == nil {
		w.fail()
	}
	return err
}

func (w *Worker) fail() {
	w.failed.Inc()
	w.lastError.Set(float64(w.Clock().UnixMilli()) / 1000)
}
