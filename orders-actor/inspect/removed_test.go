package inspect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/payer"
)

func tombstone() order.State {
	s, _, _ := delivered().Remove(order.Remove{ID: id}, noon.Add(time.Hour))
	return s
}

// A removal that stopped between two stores is no violation: it is repeated.
func TestRemovalThatStoppedIsNoFinding(t *testing.T) {
	ledgerRemoved := consistent(delivered())
	ledgerRemoved.Ledger.Value = payer.Record{OrderID: id, Status: payer.RecordRemoved, DecidedAt: noon.Add(time.Hour)}
	assert.Empty(t, inspect.Judge(ledgerRemoved, noon.Add(2*time.Hour)))

	running := consistent(settled(true))
	running.Ledger.Value = ledgerRemoved.Ledger.Value
	assert.NotEmpty(t, inspect.Judge(running, noon.Add(2*time.Second)), "a running order needs its payment")

	actorToo := ledgerRemoved
	actorToo.Actor.Value.State = tombstone()
	all := actorToo
	all.Database.Value = tombstone()
	for _, o := range []inspect.Observation{actorToo, all} {
		w := &world{observations: []inspect.Observation{o}}
		_, err := w.inspector(noon.Add(2*time.Hour)).Inspect(t.Context(), id)
		require.ErrorIs(t, err, inspect.ErrNotFound)
		assert.Empty(t, w.stored)
	}
}
