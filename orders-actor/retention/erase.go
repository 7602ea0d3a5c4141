package retention

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/removal"
)

// Customers lists the orders of a customer, see removal.Store.
type Customers interface {
	Final(ctx context.Context, customer string, status order.Status, after removal.Position, n int) ([]order.State, removal.Position, bool, error)
	Left(ctx context.Context, customer string, n int) (map[order.Status]int, []string, error)
	EraseEvents(ctx context.Context, customer string) (int64, error)
}

const (
	page     = 200 // orders in memory
	parallel = 8   // concurrent removals
	attempts = 4   // of each removal: placement may be moving the order
	maxIDs   = 20  // in the report
)

// Report is what Erase has done, and what is left.
type Report struct {
	Customer string
	Orders   int64 // removed, each with its payment
	Events   int64 // erased
	Failed   int64
	Left     map[order.Status]int // orders that stay, by status
	IDs      []string             // some of them
}

// Erase removes all final orders of a customer. Those that still run stay, as the report says. It may be repeated, also after it
// stopped anywhere. It returns an error, with the report so far, if an order cannot be removed, after it has removed the others.
func Erase(ctx context.Context, c Customers, r Remover, customer string, log *slog.Logger) (Report, error) {
	report := Report{Customer: customer}
	if strings.TrimSpace(customer) == "" {
		return report, errors.New("erase a customer: the name is missing")
	}
	var err error
	for _, status := range []order.Status{order.Delivered, order.Cancelled} {
		for after, more := (removal.Position{}), true; more && ctx.Err() == nil; {
			var states []order.State
			var pageErr error
			states, after, more, pageErr = c.Final(ctx, customer, status, after, page)
			err = errors.Join(err, pageErr)
			report.remove(ctx, r, states, log)
		}
	}
	events, eventsErr := c.EraseEvents(ctx, customer)
	left, ids, leftErr := c.Left(ctx, customer, maxIDs)
	report.Events, report.Left, report.IDs = events, left, ids
	if err = errors.Join(err, eventsErr, leftErr, ctx.Err()); report.Failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d orders cannot be removed; run it again", report.Failed))
	}
	if err != nil {
		return report, fmt.Errorf("erase a customer: %w", err)
	}
	return report, nil
}

func (r *Report) remove(ctx context.Context, remover Remover, states []order.State, log *slog.Logger) {
	var removed, failed atomic.Int64
	var running sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, s := range states {
		slots <- struct{}{}
		running.Go(func() {
			_ = run.Catch(ctx, log, "erase", func() error {
				defer func() { <-slots }()
				if err := run.Catch(ctx, log, "erase", func() error { return removeOne(ctx, remover, s) }); err != nil {
					failed.Add(1)
					log.Error("cannot remove an order", "order", s.ID, "error", err)
					return nil
				}
				removed.Add(1)
				return nil
			})
		})
	}
	running.Wait()
	r.Orders += removed.Load()
	r.Failed += failed.Load()
}

func removeOne(ctx context.Context, remover Remover, s order.State) (err error) {
	for pause := 100 * time.Millisecond; ; pause *= 4 {
		if err = remover.Remove(ctx, s, time.Time{}); err == nil {
			return nil
		}
		var refusal *order.Refusal
		if errors.As(err, &refusal) || ctx.Err() != nil || pause >= 100*time.Millisecond<<(2*(attempts-1)) {
			return err
		}
		retry.Sleep(ctx, pause)
	}
}

// Print writes the report for the operator.
func (r Report) Print(out io.Writer) {
	fmt.Fprintf(out, "customer %q\n", r.Customer)
	fmt.Fprintf(out, "removed: %d orders with their payments, %d events\n", r.Orders, r.Events)
	if r.Failed > 0 {
		fmt.Fprintf(out, "failed:  %d orders; run the command again\n", r.Failed)
	}
	for _, status := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(out, "left:    %d orders %s\n", r.Left[status], status)
	}
	if len(r.IDs) > 0 {
		fmt.Fprintf(out, "         they still run or wait for their void: cancel them or wait, and run the command again\n")
		fmt.Fprintf(out, "         %s\n", strings.Join(r.IDs, "\n         "))
	}
	fmt.Fprint(out, `stays:   a tombstone of each order, with its id and the time of the removal only, so that its idempotency key and its payment stay used
         backups: repeat the command after you restore one that is older
         logs and traces, until you delete them; they have user names
         orders of other customers that this user created, cancelled or repaired as an operator, with the name
`)
}
