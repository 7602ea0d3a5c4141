package history

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

// removed returns the fixture after the removal of order d at 12 s.
func removed(t *testing.T) *fixture {
	t.Helper()
	f := valid(t)
	tombstone, _, err := f.s.Actors["d"].Remove(order.Remove{ID: "d"}, at(12_000))
	require.NoError(t, err)
	f.s.Actors["d"] = tombstone
	f.s.Removed = map[string]bool{"d": true}
	delete(f.s.Orders, "d")
	delete(f.s.Listed, "d")
	f.s.Payments["d"] = Payment{Status: "removed", Charges: 1}
	f.h.Calls = append(f.h.Calls, Call{Op: Remove, Client: "system", Order: "d", Sent: at(12_000), Got: at(12_100), Status: 200})
	return f
}

func TestRemovedOrderIsNoViolation(t *testing.T) {
	f := removed(t)
	require.Empty(t, Check(f.h, f.s))
	f.h.Calls = append(f.h.Calls, Call{
		Op: Create, Client: "alice", Order: "d", Key: "k-d", Items: items("tea-d"), Currency: "EUR",
		Sent: at(13_000), Got: at(13_010), Status: 410, Code: "order-removed",
	})
	require.Empty(t, Check(f.h, f.s), "a repeated create is refused")
}

func TestEachViolationOfARemovalIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(f *fixture)
		want Invariant
	}{
		"charged twice":           {func(f *fixture) { f.s.Payments["d"] = Payment{Status: "removed", Charges: 2} }, ChargedOnce},
		"charged afterwards":      {func(f *fixture) { f.s.Payments["d"] = Payment{Status: "confirmed", Charges: 1} }, ChargedOnce},
		"the ledger has nothing":  {func(f *fixture) { delete(f.s.Payments, "d") }, Converged},
		"the actor has nothing":   {func(f *fixture) { delete(f.s.Actors, "d") }, Converged},
		"the actor has the order": {func(f *fixture) { f.s.Actors["d"] = valid(t).s.Actors["d"] }, Converged},
		"no tombstone":            {func(f *fixture) { f.s.Removed = nil }, Converged},
		"it was still running":    {func(f *fixture) { f.s.Feed = f.s.Feed[:1] }, CreateKept},
		"it exists again": {func(f *fixture) {
			f.s.Removed = nil
			f.s.Orders["d"] = f.s.Orders["n"]
		}, OneKeyOneOrder},
		"a later create is answered": {func(f *fixture) {
			f.h.Calls = append(f.h.Calls, Call{
				Op: Create, Client: "alice", Order: "d", Key: "k-d", Items: items("tea-d"), Currency: "EUR",
				Sent: at(13_000), Got: at(13_010), Status: 201, Replayed: true,
			})
		}, OneKeyOneOrder},
	} {
		t.Run(name, func(t *testing.T) {
			f := removed(t)
			test.edit(f)
			var found []Invariant
			for _, v := range Check(f.h, f.s) {
				found = append(found, v.Invariant)
			}
			assert.Contains(t, found, test.want)
		})
	}
}
