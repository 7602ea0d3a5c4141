package view

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"orders/orders-actor/order"
)

// Claim is a user's idempotency key: the order that it stands for, and the fingerprint of what was asked.
type Claim struct {
	User, Key, Fingerprint, OrderID string
}

// Claim takes the key for an order, or returns the claim that has it already. Of several at once, one is fresh and all
// get its order. A key is held for KeyRetention at least.
func (d *DB) Claim(ctx context.Context, c Claim) (claim Claim, fresh bool, err error) {
	err = d.call(ctx, "claim an idempotency key", callTimeout, func(ctx context.Context) error {
		for {
			if fresh, err = d.claim(ctx, c); err != nil || fresh {
				claim = c
				return err
			}
			claim = Claim{User: c.User, Key: c.Key}
			err = d.write.QueryRowContext(ctx, `SELECT fingerprint, order_id FROM idempotency_keys WHERE customer = $1 AND name = $2`,
				c.User, c.Key).Scan(&claim.Fingerprint, &claim.OrderID)
			if !errors.Is(err, sql.ErrNoRows) { // else it was pruned between the two statements
				return err
			}
		}
	})
	return claim, fresh, err
}

func (d *DB) claim(ctx context.Context, c Claim) (fresh bool, _ error) {
	done, err := d.write.ExecContext(ctx, `
		INSERT INTO idempotency_keys (customer, name, fingerprint, order_id, claimed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (customer, name) DO NOTHING`, c.User, c.Key, c.Fingerprint, c.OrderID, d.clock().UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
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
	return errors.As(err, &conflict) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrCursorExpired) || errors.Is(err, ErrBadCursor)
}
