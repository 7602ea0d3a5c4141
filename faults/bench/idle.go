package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"orders/api/client"
	"orders/stack"
)

// idle measures the product when it has nothing to do and stores nothing.
func idle(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	cpu, memory, err := p.measureIdle(ctx)
	if err != nil {
		return nil, err
	}
	title := string(o.Setup) + ", idle and empty"
	return []Table{
		processTable("CPU ms per second: "+title, []byProcess{{"idle", cpu}}, 1),
		processTable("Memory MB: "+title, []byProcess{{"idle", memory}}, 0),
	}, nil
}

// coldStart measures the time from a start, the first one or after a crash, to the first order.
func coldStart(ctx context.Context, o Options) (_ []Table, err error) {
	t := newTable(fmt.Sprintf("Start until the first order is created: %s, %d orders stored", o.Setup, o.Orders), "start of", "seconds")
	began := time.Now()
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	add := func(what string) error {
		err := p.awaitServing(ctx)
		t.add(what, round(time.Since(began).Seconds(), 2))
		return err
	}
	if err := add("everything, with new databases"); err != nil {
		return nil, err
	}
	if _, _, err := complete(ctx, &p.system, o.Orders, warmUpCallers); err != nil {
		return nil, err
	}
	sidecar := stack.OrdersActor + ".sidecar"
	for _, parts := range [][]string{{stack.OrdersActor}, {sidecar}, {stack.OrdersActor, sidecar}} {
		for _, part := range parts {
			if err := p.stack.Kill(part); err != nil {
				return nil, err
			}
		}
		began = time.Now()
		for _, part := range parts {
			if err := p.stack.Start(part); err != nil {
				return nil, err
			}
		}
		if err := add(strings.Join(parts, " and ") + ", after a crash"); err != nil {
			return nil, err
		}
	}
	return []Table{t}, nil
}

// awaitServing creates orders until a create succeeds.
func (p product) awaitServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		spec := p.creates(1, 1)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, spec.URL, strings.NewReader(spec.Body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+p.token)
		req.Header.Set("Content-Type", "application/json")
		reply, err := client.Read(http.DefaultClient.Do(req))
		if err == nil && reply.OK() {
			return nil
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("no order could be created: %w", errors.Join(err, ctx.Err()))
		}
	}
}
