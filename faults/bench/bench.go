// Package bench measures what an order costs: the CPU time of every process that takes part in it, and the times that a client sees.
//
// CPU time is the main figure, because the wall times of a shared machine vary. It is read from the kernel's accounting and includes
// the sidecars, Dapr's control plane and PostgreSQL. The load generator is a process of its own and is not counted.
//
// One order's life is: create, payment, confirmed, delivered 2 s later. The floor (package floor) makes the Dapr calls of that life and
// nothing else. Systems are measured in turns in one run, each time from empty databases, so that they see the same machine.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Setup is where the product keeps its data.
type Setup string

// The setups.
const (
	SQLite   Setup = "sqlite"
	Postgres Setup = "postgres"
)

// Options are the settings of a run.
type Options struct {
	Setup   Setup
	Systems []string // product, floor, or the path of another orders-actor; see start
	Callers []int    // concurrent clients
	Orders  int      // per measurement
	Rounds  int      // how often everything is measured
	Root    string   // the repository; found from the working directory if empty
	Out     io.Writer
}

const (
	deliverAfter  = 2 * time.Second
	warmUpOrders  = 200
	warmUpCallers = 16
	// lifeTimeout limits the wait until all orders are delivered.
	lifeTimeout = 15 * time.Minute
	// pollInterval is the time between two reads of the number of delivered orders, which is the resolution of LivesPerSecond.
	pollInterval = 100 * time.Millisecond
)

// Life is the measurement of one system with one number of callers.
type Life struct {
	System  string
	Setup   Setup
	Callers int
	Orders  int

	CPU              Usage // ms per order, by process
	LivesPerSecond   float64
	CreatesPerSecond float64
	Create           Percentiles // how long a create takes
	Late             Percentiles // from an order's due time until it is delivered
	Memory           Usage       // MB after the run, by process; pages that processes share are divided among them

	// Others is how many cores all other processes used meanwhile, which is the load generator and the noise of a shared machine.
	Others float64
}

// Lives measures all systems.
func Lives(ctx context.Context, o Options) ([]Life, error) {
	var all []Life
	for range o.Rounds {
		for _, callers := range o.Callers {
			for _, system := range o.Systems {
				fmt.Fprintf(o.Out, "%s, %d callers\n", system, callers)
				life, err := measureSystem(ctx, o, system, callers)
				if err != nil {
					return all, fmt.Errorf("%s, %d callers: %w", system, callers, err)
				}
				all = append(all, life)
			}
		}
	}
	return all, nil
}

func measureSystem(ctx context.Context, o Options, name string, callers int) (life Life, err error) {
	s, err := start(ctx, o, name)
	if err != nil {
		return life, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if _, _, err := complete(ctx, s, warmUpOrders, warmUpCallers); err != nil {
		return life, fmt.Errorf("warm up: %w", err)
	}
	before, err := cpu(s.processes())
	if err != nil {
		return life, err
	}
	busy, began := machineCPU(), time.Now()
	load, took, err := complete(ctx, s, o.Orders, callers)
	if err != nil {
		return life, err
	}
	after, err := cpu(s.processes())
	if err != nil {
		return life, err
	}
	used := after.since(before)
	others := (machineCPU() - busy - used.Total()) / float64(time.Since(began).Milliseconds())
	late, err := s.late(ctx, o.Orders)
	if err != nil {
		return life, err
	}
	memory, err := memory(s.processes())
	return Life{
		System: name, Setup: o.Setup, Callers: callers, Orders: o.Orders,
		CPU:              used.per(float64(o.Orders)),
		LivesPerSecond:   float64(o.Orders) / (took - deliverAfter).Seconds(),
		CreatesPerSecond: float64(o.Orders) / load.Took.Seconds(),
		Create:           percentiles(load.Creates), Late: percentiles(late), Memory: memory, Others: others,
	}, err
}

// complete creates orders and waits until all of them are delivered. It returns how long that took in total.
func complete(ctx context.Context, s *system, orders, callers int) (LoadResult, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lifeTimeout)
	defer cancel()
	before, err := s.delivered(ctx)
	if err != nil {
		return LoadResult{}, 0, err
	}
	began := time.Now()
	result, err := runLoad(ctx, s.load(orders, callers))
	if err != nil {
		return result, 0, err
	}
	for {
		now, err := s.delivered(ctx)
		if err != nil {
			return result, 0, err
		}
		if now-before >= orders {
			return result, time.Since(began), nil
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return result, 0, fmt.Errorf("%d of %d orders were delivered: %w", now-before, orders, ctx.Err())
		}
	}
}
