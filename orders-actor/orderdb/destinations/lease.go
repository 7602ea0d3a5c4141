package destinations

import (
	"context"
	"database/sql"

	"orders/orders-actor/orderdb/sqldb"
)

// Lease says which replica runs the relay. It has no time: a replica that sees no renewal for a while takes it, so that the clocks of
// replicas need not agree. Each holder has a greater Fence, and writes with an older one are refused.
type Lease struct {
	Holder   string // empty if it is free
	Fence    int64
	Renewals int64
}

// Lease returns the current lease.
func (s *Store) Lease(ctx context.Context) (l Lease, err error) {
	err = s.db.Call(ctx, "read relay lease", callTimeout, func(ctx context.Context) error {
		return s.db.System.QueryRowContext(ctx, `SELECT holder, fence, renewals FROM relay_lease`).Scan(&l.Holder, &l.Fence, &l.Renewals)
	})
	return l, err
}

// Take gives the lease to a holder, unless it has changed since the caller saw it. It reports whether it did.
func (s *Store) Take(ctx context.Context, seen Lease, holder string) (l Lease, taken bool, err error) {
	err = s.transact(ctx, "take relay lease", func(tx *sql.Tx) error {
		taken, err = sqldb.Changed(tx.ExecContext(ctx, `UPDATE relay_lease SET holder = $1, fence = fence + 1, renewals = renewals + 1
			WHERE fence = $2 AND renewals = $3`, holder, seen.Fence, seen.Renewals))
		return err
	})
	return Lease{Holder: holder, Fence: seen.Fence + 1, Renewals: seen.Renewals + 1}, taken, err
}

// Renew renews a lease, or returns ErrLeaseLost.
func (s *Store) Renew(ctx context.Context, l Lease) error {
	return s.transact(ctx, "renew relay lease", func(tx *sql.Tx) error { return renew(ctx, tx, l) })
}

// Release makes a lease free, if it is still held.
func (s *Store) Release(ctx context.Context, l Lease) error {
	return s.transact(ctx, "release relay lease", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE relay_lease SET holder = '', renewals = renewals + 1 WHERE fence = $1`, l.Fence)
		return err
	})
}

// renew locks the row, so the lease cannot be taken before tx has ended.
func renew(ctx context.Context, tx *sql.Tx, l Lease) error {
	held, err := sqldb.Changed(tx.ExecContext(ctx, `UPDATE relay_lease SET renewals = renewals + 1 WHERE fence = $1 AND holder = $2`, l.Fence, l.Holder))
	if err == nil && !held {
		err = ErrLeaseLost
	}
	return err
}
