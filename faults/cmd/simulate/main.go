// Command simulate plays many histories of the order actor under seeded faults, and stops at the first that breaks a
// promise: it prints the story and the seed, which plays the same history again.
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
	n := flag.Uint64("n", setting("N", 100_000), "how many histories; also N in the environment")
	seed := flag.Uint64("seed", setting("SEED", 1), "the first history's seed, each one after it has the next; also SEED")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "histories played at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	clean := run(ctx, os.Stdout, *seed, *n, *workers)
	stop()
	if !clean {
		os.Exit(1)
	}
}

// setting is a number from the environment, as make passes it on.
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

// tally is what all histories had in sum.
type tally struct {
	histories, orders, faults, crashes, conflicts, stolen, unproven int
	virtual, latest                                                 time.Duration
	broken                                                          *simulate.Result
	brokenBy                                                        uint64
}

func (t *tally) add(seed uint64, r simulate.Result) {
	t.histories++
	t.orders += r.Orders
	t.faults += r.Faults
	t.crashes += r.Crashes
	t.conflicts += r.Conflict
	t.stolen += r.Stolen
	t.unproven += r.Unproven
	t.virtual += r.Virtual
	t.latest = max(t.latest, r.Lateness)
	if len(r.Breaks) > 0 && (t.broken == nil || seed < t.brokenBy) {
		t.broken, t.brokenBy = &r, seed
	}
}

// run reports whether every history kept every promise.
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
		return seed, seed < first+n && sum.broken == nil && ctx.Err() == nil
	}
	began := time.Now()
	for range max(1, workers) {
		all.Go(func() {
			for seed, more := take(); more; seed, more = take() {
				r := simulate.Run(simulate.Seeded(seed), simulate.Wrong{})
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
	fmt.Fprintf(out, "%d commands and reminders reached another app, %d replies refused as forged\n", sum.stolen, sum.unproven)
	fmt.Fprintf(out, "latest delivery %s after it was due\n", sum.latest)
	if sum.broken == nil {
		fmt.Fprintln(out, "no promise was broken")
		return true
	}
	fmt.Fprintf(out, "\nseed %d breaks a promise; the same again: make simulate N=1 SEED=%d\n\n", sum.brokenBy, sum.brokenBy)
	for _, b := range sum.broken.Breaks {
		fmt.Fprintln(out, b)
	}
	fmt.Fprintln(out, "what happened inside:")
	simulate.Traced(simulate.Seeded(sum.brokenBy), simulate.Wrong{}, out)
	return false
}
