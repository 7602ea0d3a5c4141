package orderdb_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/orderdb"
)

const auditInterval = 5 * time.Second

// claim claims up to 4 orders. Events of tests are written now, so the clock of claims runs in the future.
func claim(t *testing.T, db *orderdb.DB, now time.Time) []string {
	t.Helper()
	ids, err := db.Audits.Claim(t.Context(), now, auditInterval, 10*time.Second, 4)
	require.NoError(t, err)
	return ids
}

func putOrders(t *testing.T, db *orderdb.DB, n int) (ids []string) {
	t.Helper()
	for range n {
		ids = append(ids, putNew(t, db).ID)
	}
	return ids
}

func TestAuditClaimsTheNewestChangesAndThenAllOthers(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		ids := putOrders(t, db, 7)
		require.NotContains(t, claim(t, db, time.Now()), ids[6], "it may still be changing")

		now := time.Now().Add(time.Minute)
		first := claim(t, db, now)
		require.Equal(t, []string{ids[6], ids[5]}, first[:2], "the last changes")
		require.Empty(t, claim(t, db, now.Add(auditInterval-time.Second)), "claimed less than the interval ago")

		swept := first[2:]
		for range 5 {
			now = now.Add(auditInterval)
			swept = append(swept, claim(t, db, now)...)
		}
		for _, id := range ids {
			require.Contains(t, swept, id)
		}
		status, err := db.Audits.Status(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 7, status.LastSweep.Orders)
		require.False(t, status.LastSweep.Ended.Before(status.LastSweep.Started))
	})
}

func TestAuditClaimsAnOrderOnceThatIsAlsoNextInTheSweep(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		ids := putOrders(t, db, 2)
		require.ElementsMatch(t, ids, claim(t, db, time.Now().Add(time.Minute)))
	})
}

func TestReplicasThatClaimAtTheSameTimeClaimDifferentOrders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		replicas := []*orderdb.DB{open(t, dsn), open(t, dsn), open(t, dsn)}
		putOrders(t, replicas[0], 20)
		now := time.Now() // before the newest changes count
		var swept []string
		for range 5 {
			now = now.Add(auditInterval)
			claimed := make([][]string, len(replicas))
			var running sync.WaitGroup
			for i, replica := range replicas {
				running.Go(func() {
					var err error
					claimed[i], err = replica.Audits.Claim(t.Context(), now, auditInterval, time.Hour, 4)
					assert.NoError(t, err)
				})
			}
			running.Wait()
			all := slices.Concat(claimed...)
			require.Len(t, all, 4, "one replica claims")
			swept = append(swept, all...)
		}
		slices.Sort(swept)
		require.Len(t, slices.Compact(swept), 20)
	})
}

func TestAuditCountsInspectedOrders(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		status, err := db.Audits.Status(t.Context())
		require.NoError(t, err)
		require.Zero(t, status)

		require.NoError(t, db.Audits.Checked(t.Context(), start, 3))
		require.NoError(t, db.Audits.Checked(t.Context(), start.Add(time.Second), 4))
		status, err = db.Audits.Status(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 7, status.Checked)
		require.Equal(t, start.Add(time.Second), status.LastChecked)
	})
}
