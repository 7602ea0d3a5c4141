package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"orders/faults/bench/load"
	"orders/stack"
)

const (
	streamCallers  = 8
	eventsPerOrder = 3 // created, confirmed, delivered
)

// streams measures what the readers of the event stream cost. The orders themselves are measured first, without readers, and
// subtracted.
func streams(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, map[string]string{"MAX_WAITING": "20000", "MAX_WAITING_PER_USER": "20000"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, _, err := complete(ctx, &p.system, warmUpOrders, warmUpCallers); err != nil {
		return nil, err
	}
	o.log("no readers")
	alone, _, err := p.measureStreams(ctx, o.Orders, 0)
	if err != nil {
		return nil, err
	}
	events := o.Orders * eventsPerOrder
	t := newTable(fmt.Sprintf("Readers of the event stream: %s, %d events", o.Setup, events),
		"readers", "CPU ms of orders-actor", "without readers", "CPU µs per event and reader", "lag p50 ms", "lag p99 ms", "lag max ms")
	for _, readers := range o.Readers {
		o.log("%d readers", readers)
		ms, lag, err := p.measureStreams(ctx, o.Orders, readers)
		if err != nil {
			return []Table{t}, fmt.Errorf("%d readers: %w", readers, err)
		}
		t.add(readers, ms, alone, round(1000*(ms-alone)/float64(events*readers), 1), lag.P50, lag.P99, lag.Max)
	}
	return []Table{t}, nil
}

// measureStreams returns the CPU time of orders-actor in ms while orders are completed, and the lag of the readers' events.
func (p product) measureStreams(ctx context.Context, orders, readers int) (ms float64, lag load.Percentiles, err error) {
	ctx, cancel := context.WithTimeout(ctx, lifeTimeout)
	defer cancel()
	if readers > 0 {
		r, err := load.StartReaders(ctx, load.ReadersSpec{
			URL: p.stack.URL() + "/v1/orders/events?limit=" + strconv.Itoa(100), Token: p.token, Readers: readers, Events: orders * eventsPerOrder,
		})
		if err != nil {
			return 0, lag, err
		}
		defer func() {
			if err != nil {
				cancel() // ends the readers
			}
			var waitErr error
			lag, waitErr = r.Wait()
			err = errors.Join(err, waitErr)
		}()
	}
	used, err := p.used(func() error {
		_, _, err := complete(ctx, &p.system, orders, streamCallers)
		return err
	})
	return used[stack.OrdersActor], lag, err
}
