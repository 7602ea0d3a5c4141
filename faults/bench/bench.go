// Package bench measures what an order costs: the CPU time of every process that takes part in it, and the times that a client sees.
//
// CPU time is the main figure, because the wall times of a shared machine vary. It is read from the kernel's accounting and includes
// the sidecars, Dapr's control plane and PostgreSQL. Clients are processes of their own and are not counted.
//
// One order's life is: create, payment, confirmed, delivered 2 s later. The floor (package floor) makes the Dapr calls of that life and
// nothing else. Systems are measured in turns in one run, each time from empty databases, so that they see the same machine.
package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"orders/faults/bench/constant"
	"orders/faults/bench/floor"
	"orders/faults/bench/load"
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
	Case    string
	Setup   Setup
	Systems []string // of the case life: product, floor, restate, temporal, or the path of another orders-actor
	Callers []int    // concurrent clients of the case life
	Orders  int      // per measurement; the case's default if 0
	Stored  []int    // orders that are stored before a measurement of the case growth
	Readers []int    // of the case streams
	Rounds  int      // how often the case is measured
	Root    string   // the repository; found from the working directory if empty
	Out     io.Writer
}

// benchmark is one case.
type benchmark struct {
	orders int // default of Options.Orders
	run    func(context.Context, Options) ([]Table, error)
}

var cases = map[string]benchmark{
	"life":    {3000, lives},
	"reads":   {3000, reads},
	"streams": {300, streams},
	"pending": {20_000, pending},
	"due":     {5000, due},
	"idle":    {0, idle},
	"growth":  {1000, growth},
	"start":   {500, coldStart},
}

// Cases returns the names of all cases.
func Cases() []string { return slices.Sorted(maps.Keys(cases)) }

// Run runs a case and returns its results, also those before an error.
func Run(ctx context.Context, o Options) (tables []Table, _ error) {
	c, ok := cases[o.Case]
	if !ok {
		return nil, fmt.Errorf("unknown case %q", o.Case)
	}
	if o.Orders == 0 {
		o.Orders = c.orders
	}
	for range o.Rounds {
		got, err := c.run(ctx, o)
		tables = append(tables, got...)
		if err != nil {
			return tables, fmt.Errorf("%s: %w", o.Case, err)
		}
	}
	return tables, nil
}

func (o Options) log(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }

// The roles of a process that the benchmark starts from its own executable, as the first argument.
const (
	roleFloor    = "floor"    // takes the place of orders-actor
	roleConstant = "constant" // answers each request with the same bytes
)

// Role runs the role in args, if there is one, and reports whether there was.
func Role(ctx context.Context, args []string) (bool, error) {
	switch {
	case len(args) == 1 && args[0] == roleFloor:
		return true, floor.Run(ctx)
	case len(args) == 3 && args[0] == roleConstant:
		return true, constant.Run(ctx, args[1], args[2])
	}
	return load.Role(ctx, args)
}

// pause returns early, with an error, if ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
