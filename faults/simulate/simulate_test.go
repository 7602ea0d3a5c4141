package simulate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/faults/history"
)

// TestTheProductKeepsItsPromises is the short form of make simulate.
func TestTheProductKeepsItsPromises(t *testing.T) {
	histories := 20_000
	if racing {
		histories /= 20 // one goroutine at a time: the race detector only makes it slow
	}
	var total Result
	for seed := range uint64(histories) {
		res := Run(Seeded(seed), Wrong{})
		require.Empty(t, res.Breaks, "seed %d", seed)
		total.Orders += res.Orders
		total.Faults += res.Faults
		total.Crashes += res.Crashes
		total.Conflict += res.Conflict
		total.Stolen += res.Stolen
		total.Unproven += res.Unproven
	}
	assert.Greater(t, total.Orders, histories, "clients got their orders")
	assert.Greater(t, total.Faults, histories, "faults struck")
	assert.Positive(t, total.Crashes)
	assert.Positive(t, total.Conflict, "two hosts ran one order at the same moment")
	assert.Greater(t, total.Unproven, histories/20, "a stranger forged replies")
	assert.Greater(t, total.Stolen, total.Unproven)
}

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	for seed := range uint64(50) {
		first, second := Run(Seeded(seed), Wrong{}), Run(Seeded(seed), Wrong{})
		assert.Equal(t, first, second)
	}
}

// TestTheCheckerBites breaks the product in one way at a time.
func TestTheCheckerBites(t *testing.T) {
	if racing {
		t.Skip("one goroutine at a time: the race detector only makes it slow")
	}
	tests := []struct {
		name  string
		wrong Wrong
		want  history.Invariant
	}{
		{"the reminder is set after the save, and nobody looks for overdue orders", Wrong{ReminderAfterSave: true, OverdueForgotten: true}, history.FinalInTime},
		{"nobody looks for unpaid orders", Wrong{UnpaidForgotten: true}, history.FinalInTime},
		{"a cancel forgets its void", Wrong{NoVoidDebt: true}, history.VoidArrives},
		{"a void that comes first leaves no mark", Wrong{NoVoidMark: true}, history.VoidArrives},
		{"the ledger lets the last write win", Wrong{LastWriteLedger: true}, history.ChargedOnce},
		{"no fingerprint", Wrong{NoFingerprint: true}, history.OneKeyOneOrder},
		{"a key is forgotten after some time", Wrong{KeysForgotten: true}, history.OneKeyOneOrder},
		{"all requests carry the same mark", Wrong{NoCallMark: true}, history.OneKeyOneOrder},
		{"an actor whose store lost it does not ask the view", Wrong{LossUnnoticed: true}, history.FinalInTime},
		{"an actor whose store lost it does not ask the view: a cancel", Wrong{LossUnnoticed: true}, history.CreateKept},
		{"the view takes an older version", Wrong{ViewAcceptsOlder: true}, history.FinalIsFinal},
		{"the view refuses without telling", Wrong{ViewRefusesSilently: true}, history.Converged},
		{"the view refuses without telling: an acknowledged cancel", Wrong{ViewRefusesSilently: true}, history.CancelKept},
		{"the view is written after the reply", Wrong{ViewAfterReply: true}, history.Converged},
		{"a reply that does not open is taken as it is: a create", Wrong{RepliesUnsealed: true}, history.CreateKept},
		{"a reply that does not open is taken as it is: a cancel", Wrong{RepliesUnsealed: true}, history.CancelKept},
		{"a sealed reply is taken for another command's", Wrong{RepliesUnbound: true}, history.CreateKept},
		{"a sealed reply is taken for another command's: a cancel", Wrong{RepliesUnbound: true}, history.CancelKept},
		{"a command that nobody sealed is executed", Wrong{CommandsUnsealed: true}, history.ChargedOnce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20_000) {
				for _, b := range Run(Seeded(seed), tt.wrong).Breaks {
					if b.Invariant == tt.want {
						t.Logf("seed %d: %s", seed, b)
						return
					}
				}
			}
			t.Fatal("not found")
		})
	}
}

// FuzzOrders lets the fuzzer decide what goes wrong.
func FuzzOrders(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("one order, two replicas, and a bad day for all of them"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res := Run(Bytes(data), Wrong{}); len(res.Breaks) > 0 {
			t.Fatal(res.Breaks[0])
		}
	})
}
