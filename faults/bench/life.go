package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orders/faults/bench/load"
	"orders/faults/bench/usage"
)

const (
	deliverAfter  = 2 * time.Second
	warmUpOrders  = 200
	warmUpCallers = 16
	// lifeTimeout limits the wait until all orders are delivered.
	lifeTimeout = 15 * time.Minute
	// stallTimeout limits the wait for the next delivery. Retries may take more than half a minute.
	stallTimeout = 90 * time.Second
	// pollInterval is the time between two reads of the number of delivered orders, which is the resolution of livesPerSecond.
	pollInterval = 100 * time.Millisecond
)

// life is the measurement of one system with one number of callers.
type life struct {
	system  string
	callers int

	cpu              usage.Amounts // ms per order, by process
	livesPerSecond   float64
	createsPerSecond float64
	create           load.Percentiles // how long a create takes
	late             load.Percentiles // from an order's due time until it is delivered
	memory           usage.Amounts    // MB after the run, by process

	// others is how many cores all other processes used meanwhile: the load generator and the noise of a shared machine.
	others float64
}

// lives measures all systems with each number of callers.
func lives(ctx context.Context, o Options) ([]Table, error) {
	var all []life
	for _, callers := range o.Callers {
		for _, name := range o.Systems {
			o.log("%s, %d callers", name, callers)
			l, err := measureSystem(ctx, o, name, callers)
			if err != nil {
				return lifeTables(o, all), fmt.Errorf("%s, %d callers: %w", name, callers, err)
			}
			all = append(all, l)
		}
	}
	return lifeTables(o, all), nil
}

func measureSystem(ctx context.Context, o Options, name string, callers int) (l life, err error) {
	s, err := start(ctx, o, name)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if _, _, err := complete(ctx, s, warmUpOrders, warmUpCallers); err != nil {
		return l, fmt.Errorf("warm up: %w", err)
	}
	l, err = measureLife(ctx, s, o.Orders, callers)
	l.system = name
	return l, err
}

func measureLife(ctx context.Context, s *system, orders, callers int) (life, error) {
	var created load.Result
	var took time.Duration
	busy, began := usage.MachineCPU(), time.Now()
	used, err := s.used(func() (err error) {
		created, took, err = complete(ctx, s, orders, callers)
		return err
	})
	if err != nil {
		return life{}, err
	}
	others := (usage.MachineCPU() - busy - used.Total()) / float64(time.Since(began).Milliseconds())
	late, err := s.late(ctx, orders)
	if err != nil {
		return life{}, err
	}
	memory, err := usage.Memory(s.processes())
	return life{
		callers: callers, cpu: used.Per(float64(orders)),
		livesPerSecond:   float64(orders) / (took - deliverAfter).Seconds(),
		createsPerSecond: float64(orders) / created.Took.Seconds(),
		create:           load.PercentilesOf(created.Durations), late: load.PercentilesOf(late), memory: memory, others: others,
	}, err
}

// complete creates orders and waits until all of them are delivered. It returns how long that took in total.
func complete(ctx context.Context, s *system, orders, callers int) (load.Result, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lifeTimeout)
	defer cancel()
	before, err := s.delivered(ctx)
	if err != nil {
		return load.Result{}, 0, err
	}
	began := time.Now()
	result, err := load.Run(ctx, s.creates(orders, callers))
	if err != nil {
		return result, 0, err
	}
	err = awaitDelivered(ctx, s, before+orders, stallTimeout)
	return result, time.Since(began), err
}

// awaitDelivered returns an error when no order is delivered for the stall timeout.
func awaitDelivered(ctx context.Context, s *system, want int, stall time.Duration) error {
	last, since := -1, time.Now()
	for {
		n, err := s.delivered(ctx)
		if err != nil || n >= want {
			return err
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > stall {
			return fmt.Errorf("%d orders instead of %d were delivered, and none for %v", n, want, stall)
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("%d orders instead of %d were delivered: %w", n, want, err)
		}
	}
}

// lifeTables returns one table with all figures, and one with the CPU time by process.
func lifeTables(o Options, lives []life) []Table {
	title := fmt.Sprintf("%s, %d orders", o.Setup, o.Orders)
	all := newTable("Lives of orders: "+title, "system", "callers", "CPU ms per order", "× floor", "lives/s", "creates/s",
		"create p50 ms", "create p99 ms", "late p50 ms", "late p99 ms", "memory MB", "cores of others")
	var cpu, memory []byProcess
	for _, l := range lives {
		all.add(l.system, l.callers, round(l.cpu.Total(), 2), factor(l, lives), round(l.livesPerSecond, 0), round(l.createsPerSecond, 0),
			l.create.P50, l.create.P99, l.late.P50, l.late.P99, round(l.memory.Total(), 0), round(l.others, 1))
		label := fmt.Sprintf("%s, %d callers", l.system, l.callers)
		cpu, memory = append(cpu, byProcess{label, l.cpu}), append(memory, byProcess{label, l.memory})
	}
	return []Table{all, processTable("CPU ms per order: "+title, cpu, 2), processTable("Memory MB after the run: "+title, memory, 0)}
}

// factor compares with the floor's measurement with as many callers.
func factor(l life, lives []life) any {
	for _, other := range lives {
		if other.system == "floor" && other.callers == l.callers {
			return round(l.cpu.Total()/other.cpu.Total(), 2)
		}
	}
	return ""
}
