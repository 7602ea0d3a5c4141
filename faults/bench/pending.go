package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"orders/api"
	"orders/api/client"
	"orders/faults/bench/load"
	"orders/faults/bench/usage"
	"orders/stack"
)

const (
	pendingCallers = 32
	idleTime       = 20 * time.Second // how long idle processes are measured
	probes         = 1                // orders that createPending creates besides
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
	if err := p.createPending(ctx, o, settleTime+3*idleTime); err != nil {
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
	ctx, cancel := context.WithTimeout(ctx, 2*lifeTimeout)
	defer cancel()
	if err := awaitDelivered(ctx, &p.system, o.Orders+probes, lifeTimeout); err != nil {
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

// due measures how late many orders are delivered that are due within one second. The service cannot confirm that many in a second, so
// their reminders are replaced: they fire when the last order is due, spread over a second.
func due(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	// The reminders take a while to replace.
	if err := p.createPending(ctx, o, 10*time.Second+time.Duration(o.Orders)*20*time.Millisecond); err != nil {
		return nil, err
	}
	orders, err := p.newest(ctx, o.Orders)
	if err != nil {
		return nil, err
	}
	begin := orders[0].DeliverAt
	for _, order := range orders {
		if order.Status != api.StatusConfirmed {
			return nil, fmt.Errorf("order %s is %s", order.ID, order.Status)
		}
		if order.DeliverAt.After(begin) {
			begin = order.DeliverAt
		}
	}
	o.log("replacing %d reminders", o.Orders)
	dueAt := map[string]time.Time{}
	var group errgroup.Group
	group.SetLimit(pendingCallers)
	for i, order := range orders {
		at := begin.Add(time.Second * time.Duration(i) / time.Duration(len(orders)))
		dueAt[order.ID] = at
		group.Go(func() error { return p.setReminder(ctx, order.ID, time.Until(at)) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	o.log("waiting until the orders are delivered")
	ctx, cancel := context.WithDeadline(ctx, begin.Add(lifeTimeout))
	defer cancel()
	if err := awaitDelivered(ctx, &p.system, o.Orders+probes, lifeTimeout); err != nil {
		return nil, err
	}
	if orders, err = p.newest(ctx, o.Orders); err != nil {
		return nil, err
	}
	late := make([]time.Duration, len(orders))
	for i, order := range orders {
		late[i] = order.UpdatedAt.Sub(dueAt[order.ID])
	}
	return []Table{lateTable(fmt.Sprintf("%s, %d orders due within one second", o.Setup, o.Orders), late)}, nil
}

// setReminder replaces an order's reminder, through the sidecar of orders-actor.
func (p product) setReminder(ctx context.Context, id string, delay time.Duration) error {
	sidecar := p.stack.Part(stack.OrdersActor + ".sidecar")
	url := sidecar.URL + "/v1.0/actors/Order/" + id + "/reminders/deliver"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(fmt.Sprintf(`{"dueTime": %q}`, delay)))
	if err != nil {
		return err
	}
	req.Header.Set("Dapr-Api-Token", sidecar.Token)
	req.Header.Set("Content-Type", "application/json")
	reply, err := client.Read(http.DefaultClient.Do(req))
	if err == nil && !reply.OK() {
		err = &client.Error{Reply: reply}
	}
	return err
}

// createPending creates orders, of which the first one is due not earlier than after the last one was created and the margin. It
// restarts orders-actor with a suitable DELIVER_AFTER, so that its number of deliveries begins at 0.
func (p product) createPending(ctx context.Context, o Options, margin time.Duration) error {
	created, _, err := complete(ctx, &p.system, warmUpOrders, pendingCallers)
	if err != nil {
		return err
	}
	creation := 2 * created.Took * time.Duration(o.Orders) / warmUpOrders
	after := (creation + margin).Round(time.Second)
	o.log("creating %d orders that are due after %v", o.Orders, after)
	if err := errors.Join(
		p.stack.Set(stack.OrdersActor, map[string]string{"DELIVER_AFTER": after.String()}),
		p.stack.Stop(stack.OrdersActor), p.stack.Start(stack.OrdersActor), p.stack.WaitReady(ctx),
	); err != nil {
		return err
	}
	if err := p.awaitServing(ctx); err != nil {
		return err
	}
	if _, err = load.Run(ctx, p.creates(o.Orders, pendingCallers)); err != nil {
		return err
	}
	return p.awaitConfirmed(ctx)
}

// awaitConfirmed returns when no order waits for its payment.
func (p product) awaitConfirmed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lifeTimeout)
	defer cancel()
	for {
		page, err := client.Decode[api.OrderList](client.Read(p.api.ListOrders(ctx, &api.ListOrdersParams{
			Status: &[]api.Status{api.StatusCreated}, Limit: new(1),
		})))
		if err != nil || len(page.Orders) == 0 {
			return err
		}
		if err := pause(ctx, pollInterval); err != nil {
			return err
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
