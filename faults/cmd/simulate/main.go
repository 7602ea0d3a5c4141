// Command simulate runs many histories of the order actor with seeded faults, and stops at the first violation of an invariant: it
// prints the order's history and the seed, which repeats it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"time"

	"orders/faults/simulate"
)

func main() {
	n := flag.Uint64("n", setting("N", 100_000), "number of histories; also N in the environment")
	seed := flag.Uint64("seed", setting("SEED", 1), "the first history's seed; each further one has the next seed; also SEED in the environment")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "histories that run at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	clean := run(ctx, os.Stdout, *seed, *n, *workers)
	stop()
	if !clean {
		os.Exit(1)
	}
}

// setting returns a number from the environment.
func setting(name string, fallback uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		fmt.Fprintf(os.Stderr, "simulate: %s is %q: it must be a whole number\n", name, text)
		os.Exit(2)
	}
	return n
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
	for range max(1, workers) {
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
