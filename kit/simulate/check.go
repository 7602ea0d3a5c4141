package simulate

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orders/kit/config"
)

// Scenario sets up one history: it hosts actors, starts clients and adds invariants. Histories run in parallel, so scenarios share
// nothing.
type Scenario func(s *Simulation)

// Result is a history that has ended.
type Result struct {
	Counters
	Violations []Violation
}

// Panic is the invariant that a history violates if anything in it panics.
const Panic = "nothing panics"

// Run runs one history to its end and checks its invariants. It writes the story to story, unless that is nil.
func Run(scenario Scenario, choices Choices, story io.Writer) (result Result) {
	s := New(choices, story)
	defer func() {
		if p := recover(); p != nil {
			s.Violate(Panic, "%v\n%s", p, debug.Stack())
		}
		s.Stop()
		s.Virtual = s.now
		result = Result{s.Counters, s.broken}
	}()
	scenario(s)
	s.RunUntil(s.Limit, s.settled)
	s.Stop()
	if len(s.broken) == 0 {
		s.check(s.atEnd)
	}
	return Result{}
}

// Failure is the first history that violated an invariant, reduced to the fewest faults and the shortest story that were found.
type Failure struct {
	Result
	Seed  uint64
	Story string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d violates an invariant: %v\n\nthe shortest story with it, of %d faults:\n%s\nrepeat it with N=1 SEED=%d", f.Seed, f.Violations, f.Faults, f.Story, f.Seed)
}

// Search runs histories with the seeds from first on, until one violates an invariant. It returns nil if none does.
func Search(scenario Scenario, first uint64, histories int) (Counters, *Failure) {
	var mu sync.Mutex
	var total Counters
	failed := uint64(math.MaxUint64)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(histories); n = next.Add(1) - 1 {
				seed := first + uint64(n)
				result := Run(scenario, Seeded(seed), nil)
				mu.Lock()
				total.Add(result.Counters)
				if len(result.Violations) > 0 {
					failed = min(failed, seed)
					next.Store(math.MaxInt64 / 2) // the other workers end
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if failed == math.MaxUint64 {
		return total, nil
	}
	return total, explain(scenario, failed, Seeded(failed))
}

// explain shrinks a history that violates an invariant, and tells its story.
func explain(scenario Scenario, seed uint64, choices Choices) *Failure {
	var story bytes.Buffer
	result := Run(scenario, &recorded{shrink(scenario, choices)}, &story)
	return &Failure{Result: result, Seed: seed, Story: story.String()}
}

// Check runs so many histories, with the seeds from 0 on, and fails the test at the first one that violates an invariant. The
// environment variables N and SEED replace the number of histories and the first seed. It returns what happened in all histories, so
// that a test can check that the faults were injected.
func Check(t testing.TB, histories int, scenario Scenario) Counters {
	t.Helper()
	env := config.Env()
	histories, first := env.Int("N", histories, 1, math.MaxInt), env.Int("SEED", 0, 0, math.MaxInt)
	if err := env.Err(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	total, failure := Search(scenario, uint64(first), histories)
	if failure != nil {
		t.Fatal(failure)
	}
	took := time.Since(began)
	t.Logf("%d histories from seed %d in %s, %.0f a second: %+v", histories, first, took.Round(time.Millisecond), float64(histories)/took.Seconds(), total)
	return total
}

// Fuzz lets Go's fuzzer make all choices.
func Fuzz(f *testing.F, scenario Scenario) {
	f.Helper()
	f.Add([]byte{})
	f.Add([]byte("one actor, two replicas, many faults"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if result := Run(scenario, Bytes(data), nil); len(result.Violations) > 0 {
			failure := explain(scenario, 0, Bytes(data))
			t.Fatalf("%v\n\nthe shortest story with it, of %d faults:\n%s", failure.Violations, failure.Faults, failure.Story)
		}
	})
}
