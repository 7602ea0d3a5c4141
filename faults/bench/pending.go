package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/faults/bench/load"
	"orders/faults/bench/usage"
	"orders/stack"
)

const (
	pendingCallers = 32
	idleTime       = 20 * time.Second // how long idle processes are measured
	dueBatch       = 100
)

// pending measures memory and CPU time while many orders wait for their delivery, and how late they are delivered.
func pending(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	empty, err := usage.Memory(p.processes())
	if err != nil {
		return nil, err
	}
	// The orders are measured for a while after the last one was created and before the first one is due.
	if err := p.createPending(ctx, o.Orders, o.Orders, settleTime+3*idleTime, o.log); err != nil {
		return nil, err
	}
	title := fmt.Sprintf("%s, %d pending orders", o.Setup, o.Orders)
	var cpu, memory []byProcess
	memory = append(memory, byProcess{"before", empty})
	for _, phase := range []struct {
		label string
		after time.Duration
	}{{"just created", 0}, {"idle", settleTime}} {
		if err := pause(ctx, phase.after); err != nil {
			return nil, err
		}
		used, held, err := p.measureIdle(ctx)
		if err != nil {
			return nil, err
		}
		cpu, memory = append(cpu, byProcess{phase.label, used}), append(memory, byProcess{phase.label, held})
	}
	o.log("waiting until the orders are delivered")
	if err := p.awaitAllDelivered(ctx); err != nil {
		return nil, err
	}
	late, err := p.lateness(ctx, o.Orders)
	if err != nil {
		return nil, err
	}
	return []Table{
		processTable("CPU ms per second: "+title, cpu, 1), processTable("Memory MB: "+title, memory, 0), lateTable(title, late),
	}, nil
}

// due measures how late many orders are delivered that are due at about the same time. The service cannot confirm that many at once, so
// they are created in batches of about a second, each with a shorter DELIVER_AFTER than the previous one.
func due(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.createPending(ctx, o.Orders, dueBatch, 10*time.Second, o.log); err != nil {
		return nil, err
	}
	o.log("waiting until the orders are delivered")
	if err := p.awaitAllDelivered(ctx); err != nil {
		return nil, err
	}
	orders, err := p.newest(ctx, o.Orders)
	if err != nil {
		return nil, err
	}
	first, last := orders[0].DeliverAt, orders[0].DeliverAt
	var late []time.Duration
	for _, order := range orders {
		late = append(late, order.UpdatedAt.Sub(order.DeliverAt))
		if order.DeliverAt.Before(first) {
			first = order.DeliverAt
		} else if order.DeliverAt.After(last) {
			last = order.DeliverAt
		}
	}
	return []Table{lateTable(fmt.Sprintf("%s, %d orders due within %.1f s", o.Setup, o.Orders, last.Sub(first).Seconds()), late)}, nil
}

// createPending creates orders in batches. All of them are due at about the same time, which is not before the margin after the last
// one was created. It restarts orders-actor for each batch, with a DELIVER_AFTER that leads to that time.
func (p product) createPending(ctx context.Context, orders, batch int, margin time.Duration, log func(string, ...any)) error {
	created, _, err := complete(ctx, &p.system, warmUpOrders, pendingCallers)
	if err != nil {
		return err
	}
	batches := (orders + batch - 1) / batch
	due := time.Now().Add(margin + 2*created.Took*time.Duration(orders)/warmUpOrders + time.Duration(batches)*2*time.Second)
	log("creating %d orders that are due %v from now", orders, time.Until(due).Round(time.Second))
	for first := 0; first < orders; first += batch {
		left := time.Until(due)
		if left < margin {
			return fmt.Errorf("the machine is too slow: %d of %d orders were created", first, orders)
		}
		if err := errors.Join(
			p.stack.Set(stack.OrdersActor, map[string]string{"DELIVER_AFTER": left.String()}),
			p.stack.Stop(stack.OrdersActor), p.stack.Start(stack.OrdersActor), p.awaitServing(ctx),
		); err != nil {
			return err
		}
		if _, err := load.Run(ctx, p.creates(min(batch, orders-first), pendingCallers)); err != nil {
			return err
		}
		if err := p.awaitConfirmed(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitConfirmed returns when no order waits for its payment.
func (p product) awaitConfirmed(ctx context.Context) error {
	return p.awaitNone(ctx, api.StatusCreated)
}

// awaitAllDelivered returns when no order waits for its delivery.
func (p product) awaitAllDelivered(ctx context.Context) error {
	return p.awaitNone(ctx, api.StatusConfirmed)
}

func (p product) awaitNone(ctx context.Context, status api.Status) error {
	ctx, cancel := context.WithTimeout(ctx, 2*lifeTimeout)
	defer cancel()
	for {
		page, err := client.Decode[api.OrderList](client.Read(p.api.ListOrders(ctx, &api.ListOrdersParams{
			Status: &[]api.Status{status}, Limit: new(1),
		})))
		if err != nil || len(page.Orders) == 0 {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return fmt.Errorf("orders are still %s: %w", status, err)
		}
	}
}

// measureIdle returns the CPU time in ms per second, and the memory in MB.
func (p product) measureIdle(ctx context.Context) (cpu, memory usage.Amounts, err error) {
	used, err := p.used(func() error { return pause(ctx, idleTime) })
	if err != nil {
		return nil, nil, err
	}
	memory, err = usage.Memory(p.processes())
	return used.Per(idleTime.Seconds()), memory, err
}

func lateTable(title string, late []time.Duration) Table {
	of := load.PercentilesOf(late)
	t := newTable("Deliveries after the due time: "+title, "p50 ms", "p99 ms", "max ms")
	t.add(of.P50, of.P99, of.Max)
	return t
}
