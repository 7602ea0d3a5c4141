package simulate

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/faults/history"
	"orders/kit/simulate"
)

// make simulate runs more histories: N of them, with the seeds from SEED on.
func TestInvariantsHold(t *testing.T) {
	short := 20_000
	if raceDetector {
		short /= 20 // the race detector is slow, and only one goroutine runs at a time
	}
	var mu sync.Mutex
	var total Counters
	done := 0
	simulate.Check(t, short, scenario(func(c Counters) {
		mu.Lock()
		defer mu.Unlock()
		total.Add(c)
		done++
	}))
	t.Logf("%+v", total)
	if done < short {
		return // too few for the faults below
	}
	assert.Greater(t, total.Orders, done, "orders are created")
	assert.Greater(t, total.Faults, done, "faults are injected")
	assert.Positive(t, total.Crashes)
	assert.Positive(t, total.Conflicts, "two hosts ran one order at the same time")
	assert.Greater(t, total.Rejected, done/20, "another app forged replies")
	assert.Greater(t, total.Misrouted, total.Rejected)
}

func TestInvariantsHoldWithRepairs(t *testing.T) {
	histories := 2_000
	if raceDetector {
		histories /= 20
	}
	for seed := range uint64(histories) {
		w := newWorld(simulate.New(simulate.Seeded(seed), nil), Mutation{})
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
		w := newWorld(simulate.New(simulate.Seeded(seed), nil), Mutation{})
		w.removals = true
		res := check(w)
		require.Empty(t, res.Violations, "seed %d", seed)
		total.Add(res.Counters)
	}
	assert.Greater(t, total.Removals, histories/2)
}

func TestSameSeedGivesSameHistory(t *testing.T) {
	for seed := range uint64(50) {
		first, second := Run(simulate.Seeded(seed), Mutation{}, nil), Run(simulate.Seeded(seed), Mutation{}, nil)
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
				for _, v := range Run(simulate.Seeded(seed), tt.mutation, nil).Violations {
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
func FuzzOrders(f *testing.F) { simulate.Fuzz(f, scenario(func(Counters) {})) }

// scenario returns the orders' history for kit/simulate.
func scenario(count func(Counters)) simulate.Scenario {
	return func(s *simulate.Simulation) {
		result := check(newWorld(s, Mutation{}))
		for _, v := range result.Violations {
			s.Violate(v.Invariant.String(), "%s\n%s", v.Detail, v.Trace)
		}
		count(result.Counters)
	}
}
