package orderdb

import (
	"context"
	"time"

	"orders/orders-actor/orderdb/sqldb"
)

// Each of these queries has an index.
const (
	stuckUnpaid  = `SELECT id FROM orders WHERE status = 'created' AND updated_at < $1 ORDER BY updated_at LIMIT $2`
	stuckOverdue = `SELECT id FROM orders WHERE status = 'confirmed' AND deliver_at < $1 ORDER BY deliver_at LIMIT $2`
	stuckVoids   = `SELECT id FROM orders WHERE void_owed AND updated_at < $1 ORDER BY updated_at LIMIT $2`
)

// Stuck returns up to limit ids of orders that the reconciler must resume: unpaid for longer than unpaidFor, overdue by
// more than overdueBy, or with a pending void for longer than unpaidFor. The kinds alternate, each with its oldest orders first.
func (d *DB) Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error) {
	unpaid, overdue := now.Add(-unpaidFor).UnixMilli(), now.Add(-overdueBy).UnixMilli()
	kinds := []struct {
		query  string
		before int64
	}{
		{stuckUnpaid, unpaid}, {stuckOverdue, overdue}, {stuckVoids, unpaid},
	}
	found := make([][]string, len(kinds))
	err := d.db.Call(ctx, "find stuck orders", callTimeout, func(ctx context.Context) (err error) {
		for i, kind := range kinds {
			found[i], err = sqldb.Rows(ctx, d.db.System, kind.query, []any{kind.before, limit}, func(scan sqldb.Scan, id *string) error { return scan(id) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return interleave(found, limit), err
}

func interleave(lists [][]string, limit int) (all []string) {
	for i, n := 0, -1; len(all) < limit && len(all) > n; i++ {
		n = len(all)
		for _, list := range lists {
			if i < len(list) {
				all = append(all, list[i])
			}
		}
	}
	return all[:min(len(all), limit)]
}
