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

// tally is the sum over all histories.
type tally struct {
	histories, orders, faults, crashes, conflicts, misrouted, rejected int
	virtual, latest                                                    time.Duration
	violated                                                           *simulate.Result // the one with the lowest seed
	seed                                                               uint64
}

func (t *tally) add(seed uint64, r simulate.Result) {
	t.histories++
	t.orders += r.Orders
	t.faults += r.Faults
	t.crashes += r.Crashes
	t.conflicts += r.Conflicts
	t.misrouted += r.Misrouted
	t.rejected += r.Rejected
	t.virtual += r.Virtual
	t.latest = max(t.latest, r.Lateness)
	if len(r.Violations) > 0 && (t.violated == nil || seed < t.seed) {
		t.violated, t.seed = &r, seed
	}
}

// run runs n histories and reports whether none violated an invariant.
func run(ctx context.Context, out io.Writer, first, n uint64, workers int) bool {
	var (
		mu   sync.Mutex
		sum  tally
		next = first
		all  sync.WaitGroup
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		seed := next
		next++
		return seed, seed < first+n && sum.violated == nil && ctx.Err() == nil
	}
	began := time.Now()
	for range workers {
		all.Go(func() {
			for seed, more := take(); more; seed, more = take() {
				r := simulate.Run(simulate.Seeded(seed), simulate.Mutation{})
				mu.Lock()
				sum.add(seed, r)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	took := time.Since(began)

	fmt.Fprintf(out, "%d histories from seed %d in %s: %.0f a second\n", sum.histories, first, took.Round(time.Millisecond),
		float64(sum.histories)/took.Seconds())
	fmt.Fprintf(out, "%d orders, %d faults, %d crashes of a replica, %d conflicts between two hosts, %s of virtual time\n",
		sum.orders, sum.faults, sum.crashes, sum.conflicts, sum.virtual.Round(time.Hour))
	fmt.Fprintf(out, "%d commands and reminders reached another app, %d forged replies rejected\n", sum.misrouted, sum.rejected)
	fmt.Fprintf(out, "latest delivery %s after it was due\n", sum.latest)
	if sum.violated == nil {
		fmt.Fprintln(out, "no invariant violated")
		return true
	}
	fmt.Fprintf(out, "\nseed %d violates an invariant; repeat it with: make simulate N=1 SEED=%d\n\n", sum.seed, sum.seed)
	for _, v := range sum.violated.Violations {
		fmt.Fprintln(out, v)
	}
	fmt.Fprintln(out, "the steps:")
	simulate.Traced(simulate.Seeded(sum.seed), simulate.Mutation{}, out)
	return false
}
