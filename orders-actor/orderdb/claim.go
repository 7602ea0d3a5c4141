package orderdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"orders/orders-actor/order"
)

// LegacyOrder returns the order that the release before gave to an idempotency key, when its table of keys still has it.
// Nothing is added to that table any more: orders' ids come from their keys. A process reads it for its first KeyRetention
// only; by then every row has expired.
func (d *DB) LegacyOrder(ctx context.Context, user, key string) (id string, found bool, _ error) {
	if d.clock().Sub(d.opened) > KeyRetention {
		return "", false, nil
	}
	err := d.call(ctx, "look up a legacy idempotency key", callTimeout, func(ctx context.Context) error {
		return d.read.QueryRowContext(ctx, `SELECT order_id FROM idempotency_keys WHERE customer = $1 AND name = $2`, user, key).Scan(&id)
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

func newLogID() string {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// ours are the errors that this package decides on by itself.
func ours(err error) bool {
	var conflict *order.Conflict
	return errors.As(err, &conflict) || errors.Is(err, ErrNotFound) || errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrCursorExpired) ||
		errors.Is(err, ErrBadCursor)
}
