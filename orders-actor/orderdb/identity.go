package orderdb

import (
	"context"
	"database/sql"
)

// Identity distinguishes order databases, and an older copy of one from a newer one. The state store has a copy of it.
type Identity struct {
	ID     string `json:"id"`
	Starts int64  `json:"starts"` // the number of starts of orders-actor with this database
}

// Identity returns the identity of this database.
func (d *DB) Identity(ctx context.Context) (i Identity, err error) {
	err = d.db.Call(ctx, "read identity of order database", callTimeout, func(ctx context.Context) error {
		return d.db.System.QueryRowContext(ctx, `SELECT id, starts FROM view_identity`).Scan(&i.ID, &i.Starts)
	})
	return i, err
}

// Adopt gives this database the identity i, which the state store has. It never lowers the number of starts of the same database.
func (d *DB) Adopt(ctx context.Context, i Identity) error {
	return d.db.Call(ctx, "change identity of order database", callTimeout, func(ctx context.Context) error {
		_, err := d.db.Write.ExecContext(ctx, `UPDATE view_identity SET id = $1, starts = $2 WHERE id <> $1 OR starts < $2`, i.ID, i.Starts)
		return err
	})
}

// CountStart increments the number of starts and returns the identity.
func (d *DB) CountStart(ctx context.Context) (i Identity, err error) {
	err = d.db.Call(ctx, "count start in order database", callTimeout, func(ctx context.Context) error {
		return d.db.Transact(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `UPDATE view_identity SET starts = starts + 1 RETURNING id, starts`).Scan(&i.ID, &i.Starts)
		})
	})
	return i, err
}
