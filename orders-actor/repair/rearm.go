// Package repair has the commands with which an operator repairs an installation after the data of a part was lost. They may be
// repeated, and run beside the service.
package repair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	parallel = 16 // concurrent commands
	attempts = 5  // of each command: placement may be moving the order
)

// Orders sends commands to orders.
type Orders interface {
	Resume(ctx context.Context, id string) error
}

// Rearm registers the reminder of each confirmed order again, after the scheduler has lost its data: it resumes all confirmed
// orders, which also delivers those that are due. It returns an error if an order cannot be resumed, after it has resumed the
// others.
func Rearm(ctx context.Context, db *orderdb.DB, orders Orders, log *slog.Logger) error {
	var resumed, failed atomic.Int64
	ids := make(chan string)
	var running sync.WaitGroup
	for range parallel {
		running.Go(func() {
			_ = run.Catch(ctx, log, "rearm", func() error {
				for id := range ids {
					if err := run.Catch(ctx, log, "rearm", func() error { return resume(ctx, orders, id) }); err != nil {
						failed.Add(1)
						log.Error("cannot resume an order", "order", id, "error", err)
						continue
					}
					resumed.Add(1)
				}
				return nil
			})
		})
	}
	err := db.Export(ctx, orderdb.Query{Statuses: []order.Status{order.Confirmed}}, func(o order.Order) error {
		select {
		case ids <- o.ID:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(ids)
	running.Wait()
	log.Info("reminders registered", "orders", resumed.Load())
	if n := failed.Load(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d orders cannot be resumed; run it again", n))
	}
	if err != nil {
		return fmt.Errorf("register reminders: %w", err)
	}
	return nil
}

func resume(ctx context.Context, orders Orders, id string) (err error) {
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		if err = orders.Resume(ctx, id); err == nil {
			return nil
		}
		var refusal *order.Refusal
		if errors.As(err, &refusal) || ctx.Err() != nil || pause >= 100*time.Millisecond<<(attempts-1) {
			return err
		}
		retry.Sleep(ctx, pause)
	}
}
