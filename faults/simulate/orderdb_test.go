package simulate

import (
	"context"
	"math"
	"testing"
	"time"

	"orders/kit/simulate"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/orderdbtest"
)

// TestOrderDatabaseConforms holds the simulated order database to the suite of the real one.
func TestOrderDatabaseConforms(t *testing.T) {
	orderdbtest.Run(t, func(*testing.T) orderdbtest.Database {
		w := &world{Simulation: simulate.New(simulate.Bytes(nil), nil)}
		w.orderDB = &orderDB{w: w, states: map[string]order.State{}}
		return orderdbtest.Database{DB: clocked{w}, Events: func() (all []order.Order, _ error) {
			for _, e := range w.orderDB.log {
				all = append(all, e.Order)
			}
			return all, nil
		}}
	})
}

// clocked runs each call of the simulated order database to its end on the virtual clock.
type clocked struct{ w *world }

func (c clocked) run(call func()) {
	c.w.Go(0, call)
	c.w.RunUntil(math.MaxInt64, nil)
}

func (c clocked) Put(ctx context.Context, s order.State) (err error) {
	c.run(func() { err = c.w.orderDB.Put(ctx, s) })
	return err
}

func (c clocked) Find(ctx context.Context, id string) (s order.State, found bool, err error) {
	c.run(func() { s, found, err = c.w.orderDB.Find(ctx, id) })
	return s, found, err
}

func (c clocked) Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) (ids []string, err error) {
	c.run(func() { ids, err = c.w.orderDB.Stuck(ctx, now, unpaidFor, overdueBy, limit) })
	return ids, err
}
