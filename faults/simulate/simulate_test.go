package simulate

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"orders/faults/history"
	"orders/kit/config"
)

// make simulate runs more histories: N of them, with the seeds from SEED on.
func TestInvariantsHold(t *testing.T) {
	short := 20_000
	if raceDetector {
		short /= 20 // the race detector is slow, and only one goroutine runs at a time
	}
	env := config.Env()
	histories, first := env.Int("N", short, 1, math.MaxInt), env.Int("SEED", 0, 0, math.MaxInt)
	require.NoError(t, env.Err())

	began := time.Now()
	var mu sync.Mutex
	var total Counters
	done := 0
	var next atomic.Int64
	var workers errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			for n := int(next.Add(1)) - 1; n < histories; n = int(next.Add(1)) - 1 {
				seed := uint64(first + n)
				res := Run(Seeded(seed), Mutation{}, nil)
				if len(res.Violations) > 0 {
					next.Store(math.MaxInt64 / 2) // the other workers end
					var steps strings.Builder
					Run(Seeded(seed), Mutation{}, &steps)
					return fmt.Errorf("seed %d violates an invariant; repeat it with: make simulate N=1 SEED=%d\n\n%v\n\nthe steps:\n%s",
						seed, seed, res.Violations, &steps)
				}
				mu.Lock()
				done++
				total.Add(res.Counters)
				mu.Unlock()
			}
			return nil
		})
	}
	err := workers.Wait()
	took := time.Since(began)
	t.Logf("%d histories from seed %d in %s, %.0f a second: %+v", done, first, took.Round(time.Millisecond), float64(done)/took.Seconds(), total)
	require.NoError(t, err)
	if histories < short {
		return // too few for the faults below
	}
	assert.Greater(t, total.Orders, histories, "orders are created")
	assert.Greater(t, total.Faults, histories, "faults are injected")
	assert.Positive(t, total.Crashes)
	assert.Positive(t, total.Conflicts, "two hosts ran one order at the same time")
	assert.Greater(t, total.Rejected, histories/20, "another app forged replies")
	assert.Greater(t, total.Misrouted, total.Rejected)
}

func TestInvariantsHoldWithRepairs(t *testing.T) {
	histories := 2_000
	if raceDetector {
		histories /= 20
	}
	for seed := range uint64(histories) {
		w := newWorld(Seeded(seed), Mutation{}, nil)
		w.repairs = true
		require.Empty(t, check(w).Violations, "seed %d", seed)
	}
}

func TestInvariantsHoldWithRemovals(t *testing.T) {
	histories := 5_000
	if raceDetector {
		histories /= 20
	}
	var total Counters
	for seed := range uint64(histories) {
		w := newWorld(Seeded(seed), Mutation{}, nil)
		w.removals = true
		res := check(w)
		require.Empty(t, res.Violations, "seed %d", seed)
		total.Add(res.Counters)
	}
	assert.Greater(t, total.Removals, histories/2)
}

func TestSameSeedGivesSameHistory(t *testing.T) {
	for seed := range uint64(50) {
		first, second := Run(Seeded(seed), Mutation{}, nil), Run(Seeded(seed), Mutation{}, nil)
		assert.Equal(t, first, second)
	}
}

// Each test case has one deliberate defect.
func TestCheckerDetectsEachMutation(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector is slow, and only one goroutine runs at a time")
	}
	tests := []struct {
		name     string
		mutation Mutation
		want     history.Invariant
	}{
		{"the reminder is registered after the save, and the reconciler ignores overdue orders", Mutation{ReminderAfterSave: true, OverdueIgnored: true}, history.FinalInTime},
		{"the reconciler ignores unpaid orders", Mutation{UnpaidIgnored: true}, history.FinalInTime},
		{"a cancel stores no pending void", Mutation{NoPendingVoid: true}, history.VoidArrives},
		{"a void that arrives first is ignored", Mutation{NoVoidMark: true}, history.VoidArrives},
		{"the last write to the ledger wins", Mutation{LastWriteLedger: true}, history.ChargedOnce},
		{"no fingerprint", Mutation{NoFingerprint: true}, history.OneKeyOneOrder},
		{"orders for customers are those of the operator", Mutation{CustomerIgnored: true}, history.CreateKept},
		{"keys expire", Mutation{KeysExpire: true}, history.OneKeyOneOrder},
		{"all calls have the same id", Mutation{NoCallMark: true}, history.OneKeyOneOrder},
		{"an actor without state does not read the order database", Mutation{LossIgnored: true}, history.FinalInTime},
		{"an actor without state does not read the order database: a cancel", Mutation{LossIgnored: true}, history.CreateKept},
		{"the order database accepts older versions", Mutation{OlderAccepted: true}, history.FinalIsFinal},
		{"the order database ignores older versions", Mutation{OlderIgnored: true}, history.Converged},
		{"the order database ignores older versions: an acknowledged cancel", Mutation{OlderIgnored: true}, history.CancelKept},
		{"the order database accepts a second version 1", Mutation{SecondAccepted: true}, history.Converged},
		{"the order database is written after the reply", Mutation{StoredAfterReply: true}, history.Converged},
		{"a reply that does not open is accepted: a create", Mutation{RepliesUnsealed: true}, history.CreateKept},
		{"a reply that does not open is accepted: a cancel", Mutation{RepliesUnsealed: true}, history.CancelKept},
		{"a sealed reply is accepted for another command", Mutation{RepliesUnbound: true}, history.CreateKept},
		{"a sealed reply is accepted for another command: a cancel", Mutation{RepliesUnbound: true}, history.CancelKept},
		{"a removed order leaves no tombstone", Mutation{NoTombstone: true}, history.OneKeyOneOrder},
		{"the ledger forgets a removed order", Mutation{LedgerForgets: true}, history.ChargedOnce},
		{"an unsealed command is executed", Mutation{CommandsUnsealed: true}, history.ChargedOnce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20_000) {
				for _, v := range Run(Seeded(seed), tt.mutation, nil).Violations {
					if v.Invariant == tt.want {
						t.Logf("seed %d: %s", seed, v)
						return
					}
				}
			}
			t.Fatal("not found")
		})
	}
}

// FuzzOrders lets the fuzzer choose the faults.
func FuzzOrders(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("one order, two replicas, many faults"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res := Run(&fromBytes{data}, Mutation{}, nil); len(res.Violations) > 0 {
			t.Fatal(res.Violations[0])
		}
	})
}

// fromBytes are choices that a fuzzer has made. After their end nothing goes wrong.
type fromBytes struct{ data []byte }

func (b *fromBytes) IntN(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	first := int(b.data[0])
	b.data = b.data[1:]
	if n > 256 && len(b.data) > 0 {
		first = first<<8 | int(b.data[0])
		b.data = b.data[1:]
	}
	return first % n
}
