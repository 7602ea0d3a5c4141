package orderdb

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// KeyRetention is how long rows of the legacy table of idempotency keys are kept, at least.
const KeyRetention = 24 * time.Hour

// LegacyOrder returns the order that an older release stored for an idempotency key, if any. Newer releases derive the id of
// an order from its key and do not write the table. A process reads it for its first KeyRetention only, after which all
// rows have expired.
func (d *DB) LegacyOrder(ctx context.Context, user, key string) (id string, found bool, _ error) {
	if d.clock().Sub(d.opened) > KeyRetention {
		return "", false, nil
	}
	err := d.db.Call(ctx, "look up legacy idempotency key", callTimeout, func(ctx context.Context) error {
		return d.db.Read.QueryRowContext(ctx, `SELECT order_id FROM idempotency_keys WHERE customer = $1 AND name = $2`, user, key).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return id, err == nil, err
}

func pruneKeys(ctx context.Context, tx *sql.Tx, before time.Time) (more bool, _ error) {
	done, err := tx.ExecContext(ctx, `
		DELETE FROM idempotency_keys WHERE (customer, name) IN (
			SELECT customer, name FROM idempotency_keys WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2)`,
		before.UnixMilli(), pruneBatch)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == pruneBatch, err
}
