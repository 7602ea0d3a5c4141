// Command simulate runs many histories of the order actor with seeded faults, and stops at the first violation of an invariant: it
// prints the order's history and the seed, which repeats it. Its settings are environment variables: N, the number of histories, and
// SEED, that of the first history; each further one has the next seed.
package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"orders/faults/simulate"
	"orders/kit/config"
)

func main() {
	env := config.Env()
	n, seed := env.Int("N", 100_000, 0, math.MaxInt), env.Int("SEED", 1, 0, math.MaxInt)
	if err := env.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	clean := run(ctx, os.Stdout, uint64(seed), uint64(n), runtime.GOMAXPROCS(0))
	stop()
	if !clean {
		os.Exit(1)
	}
}

// run runs n histories and reports whether none violated an invariant.
func run(ctx context.Context, out io.Writer, first, n uint64, workers int) bool {
	var (
		mu        sync.Mutex
		sum       simulate.Counters
		histories int
		next      = first
		violated  *simulate.Result // the one with the lowest seed
		lowest    uint64
		all       sync.WaitGroup
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		seed := next
		next++
		return seed, seed < first+n && violated == nil && ctx.Err() == nil
	}
	add := func(seed uint64, r simulate.Result) {
		mu.Lock()
		defer mu.Unlock()
		histories++
		sum.Add(r.Counters)
		if len(r.Violations) > 0 && (violated == nil || seed < lowest) {
			violated, lowest = &r, seed
		}
	}
	began := time.Now()
	for range workers {
		all.Go(func() {
			for seed, more := take(); more; seed, more = take() {
				add(seed, simulate.Run(simulate.Seeded(seed), simulate.Mutation{}, nil))
			}
		})
	}
	all.Wait()
	took := time.Since(began)

	fmt.Fprintf(out, "%d histories from seed %d in %s: %.0f a second\n", histories, first, took.Round(time.Millisecond),
		float64(histories)/took.Seconds())
	fmt.Fprintf(out, "%d orders, %d faults, %d crashes of a replica, %d conflicts between two hosts, %s of virtual time\n",
		sum.Orders, sum.Faults, sum.Crashes, sum.Conflicts, sum.Virtual.Round(time.Hour))
	fmt.Fprintf(out, "%d commands and reminders reached another app, %d forged replies rejected\n", sum.Misrouted, sum.Rejected)
	fmt.Fprintf(out, "latest delivery %s after it was due\n", sum.Lateness)
	if violated == nil {
		fmt.Fprintln(out, "no invariant violated")
		return true
	}
	fmt.Fprintf(out, "\nseed %d violates an invariant; repeat it with: make simulate N=1 SEED=%d\n\n", lowest, lowest)
	for _, v := range violated.Violations {
		fmt.Fprintln(out, v)
	}
	fmt.Fprintln(out, "the steps:")
	simulate.Run(simulate.Seeded(lowest), simulate.Mutation{}, out)
	return false
}
