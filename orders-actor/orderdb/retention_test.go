package orderdb_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/payer"
	"orders/orders-actor/retention"
)

// actors removes orders as their turns do, but without an actor store. It counts the calls for each payment.
type actors struct {
	db       *orderdb.DB
	now      time.Time
	mu       sync.Mutex
	payments map[string]int
	down     string // the order whose payment cannot be removed
}

type ledgerOf struct{ *actors }

func (l ledgerOf) Remove(_ context.Context, p payer.Payment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.payments[p.OrderID]++
	if p.OrderID == l.down {
		return errors.New("payments-svc is down")
	}
	return nil
}

func (a *actors) Remove(ctx context.Context, c order.Remove) error {
	s, _, err := a.db.Find(ctx, c.ID)
	if err != nil {
		return err
	}
	next, _, err := s.Remove(c, a.now)
	if err != nil {
		return err
	}
	return a.db.Put(ctx, next)
}

// Two replicas remove all old orders. Each is removed once, and one that fails is tried again and delays no other.
func TestReplicasRemoveOldOrders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		dbs := []*orderdb.DB{open(t, dsn), open(t, dsn)}
		now := start.AddDate(0, 0, 31)
		a := &actors{db: dbs[0], now: now, payments: map[string]int{}}
		var old []string
		for i := range 60 { // more than one batch
			old = append(old, putDeclined(t, dbs[0], "alice", start.Add(time.Duration(i)*time.Second)).ID)
		}
		recent := putDeclined(t, dbs[0], "alice", start.AddDate(0, 0, 2))
		a.down = old[3]

		var workers []*retention.Worker
		for _, db := range dbs {
			workers = append(workers, retention.New(retention.Config{
				Remover: retention.Remover{Orders: a, Payments: ledgerOf{a}}, Store: db.Removal, Log: slog.New(slog.DiscardHandler), Days: 30,
				Clock: func() time.Time { return now }, Registry: prometheus.NewRegistry(),
			}))
		}
		for range 4 {
			var running sync.WaitGroup
			for _, w := range workers {
				running.Go(func() { assert.NoError(t, w.Remove(t.Context())) })
			}
			running.Wait()
			now = now.Add(time.Minute)
		}
		for _, id := range old {
			_, err := dbs[1].Get(t.Context(), id)
			if id == a.down {
				require.NoError(t, err)
				assert.Greater(t, a.payments[id], 1)
				continue
			}
			require.ErrorIs(t, err, orderdb.ErrNotFound)
			assert.Equal(t, 1, a.payments[id])
		}
		_, err := dbs[1].Get(t.Context(), recent.ID)
		require.NoError(t, err)
		assert.Zero(t, a.payments[recent.ID])
	})
}
