package orderdb

import (
	"context"
	"database/sql"
)

// Identity tells one order database from another, and an older copy of one from a newer. The state store keeps it too.
type Identity struct {
	ID     string `json:"id"`
	Starts int64  `json:"starts"` // of the service with this database
}

// Identity returns which database this is.
func (d *DB) Identity(ctx context.Context) (i Identity, err error) {
	err = d.call(ctx, "read the order database's identity", callTimeout, func(ctx context.Context) error {
		return d.system.QueryRowContext(ctx, `SELECT id, starts FROM view_identity`).Scan(&i.ID, &i.Starts)
	})
	return i, err
}

// Adopt makes this the database that i names: the one that belongs to the state store which holds i.
func (d *DB) Adopt(ctx context.Context, i Identity) error {
	return d.call(ctx, "change the order database's identity", callTimeout, func(ctx context.Context) error {
		_, err := d.write.ExecContext(ctx, `UPDATE view_identity SET id = $1, starts = $2`, i.ID, i.Starts)
		return err
	})
}

// CountStart counts one more start than the database or the state store have seen, and returns the identity with it.
func (d *DB) CountStart(ctx context.Context, seen int64) (i Identity, err error) {
	err = d.call(ctx, "count a start in the order database", callTimeout, func(ctx context.Context) error {
		return d.transact(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `UPDATE view_identity SET starts = CASE WHEN starts < $1 THEN $1 ELSE starts END + 1
				RETURNING id, starts`, seen).Scan(&i.ID, &i.Starts)
		})
	})
	return i, err
}
