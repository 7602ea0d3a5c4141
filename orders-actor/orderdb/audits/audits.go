// Package audits shares the audit of all orders among replicas: which orders to inspect next, and how far the audit is. The state
// is one row of the order database, so the audit continues after a restart, and each replica can tell how far it is.
package audits

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
)

const callTimeout = 5 * time.Second

// Status is how far the audit is. Times are zero if there is none.
type Status struct {
	Checked     int64     // orders inspected by all replicas, each time that they were
	LastChecked time.Time // when the last inspection ended

	// A sweep inspects all orders.
	SweepStarted time.Time
	SweepChecked int64 // orders claimed in this sweep
	LastSweep    Sweep // the last complete one
}

// Sweep is a complete sweep.
type Sweep struct {
	Started, Ended time.Time
	Orders         int64
}

// Store is the part of the order database with the audit. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db} }

// row is the row of the table order_audit. Times are Unix milliseconds.
type row struct {
	claims, claimedAt             int64
	recent                        cursors.Feed
	sweep                         string // the last order claimed
	sweepStarted, sweepOrders     int64
	lastStarted, lastEnded, lastN int64
}

// Claim returns up to n orders that the caller must inspect now, none if any replica has claimed orders less than interval ago.
// Up to half of them are the orders that changed last, at least settle ago; the others are the next ones of the sweep.
func (s *Store) Claim(ctx context.Context, now time.Time, interval, settle time.Duration, n int) (ids []string, err error) {
	err = s.db.Call(ctx, "claim orders to audit", callTimeout, func(ctx context.Context) error {
		ids, err = s.claim(ctx, now, interval, settle, n)
		return err
	})
	return ids, err
}

func (s *Store) claim(ctx context.Context, now time.Time, interval, settle time.Duration, n int) ([]string, error) {
	r, log, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if age := now.UnixMilli() - r.claimedAt; age >= 0 && age < interval.Milliseconds() {
		return nil, nil
	}
	next := r
	next.claimedAt = now.UnixMilli()
	if r.recent.Log != log { // a new log, whose numbers begin again
		next.recent = cursors.Feed{Log: log}
	}
	ids, err := s.recent(ctx, &next, now.Add(-settle), n/2)
	if err != nil {
		return nil, err
	}
	swept, err := s.swept(ctx, &next, now, n-len(ids))
	if err != nil {
		return nil, err
	}
	claimed, err := s.store(ctx, r, next)
	if err != nil || !claimed { // another replica was faster
		return nil, err
	}
	for _, id := range swept {
		ids = appendNew(ids, id)
	}
	return ids, nil
}

func (s *Store) read(ctx context.Context) (r row, log string, err error) {
	err = s.db.System.QueryRowContext(ctx, `SELECT event_log.id, claims, claimed_at, log, tx, seq, sweep, sweep_started, sweep_orders,
		last_started, last_ended, last_orders FROM order_audit, event_log`).
		Scan(&log, &r.claims, &r.claimedAt, &r.recent.Log, &r.recent.Tx, &r.recent.Seq, &r.sweep, &r.sweepStarted, &r.sweepOrders,
			&r.lastStarted, &r.lastEnded, &r.lastN)
	return r, log, err
}

// recent returns the last n orders that changed after r.recent and before the given time, the newest first, and moves r.recent.
func (s *Store) recent(ctx context.Context, r *row, before time.Time, n int) (ids []string, _ error) {
	type event struct {
		cursors.Position
		order struct {
			ID string `json:"id"`
		}
	}
	events, err := sqldb.Rows(ctx, s.db.System, `SELECT tx, seq, document FROM order_events
		WHERE (tx, seq) > ($1, $2) AND tx < `+s.db.Settled+` AND at < $3 ORDER BY tx DESC, seq DESC LIMIT $4`,
		[]any{r.recent.Tx, r.recent.Seq, before.UnixMilli(), n}, func(scan sqldb.Scan, e *event) error {
			return scan(&e.Tx, &e.Seq, sqldb.JSON{V: &e.order})
		})
	if err != nil || len(events) == 0 {
		return nil, err
	}
	r.recent.Position = events[0].Position
	for _, e := range events {
		if e.order.ID != "" { // erased otherwise
			ids = appendNew(ids, e.order.ID)
		}
	}
	return ids, nil
}

func appendNew(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// maxTombstones is how many removed orders a claim skips at most.
const maxTombstones = 500

// swept returns up to n of the next orders of the sweep. When there are no more, the sweep is complete, and the next one begins.
func (s *Store) swept(ctx context.Context, r *row, now time.Time, n int) ([]string, error) {
	if r.sweepStarted == 0 {
		r.sweepStarted = now.UnixMilli()
	}
	type row struct{ id, status string }
	limit := n + maxTombstones
	rows, err := sqldb.Rows(ctx, s.db.System, `SELECT id, status FROM orders WHERE id > $1 ORDER BY id LIMIT $2`, []any{r.sweep, limit},
		func(scan sqldb.Scan, o *row) error { return scan(&o.id, &o.status) })
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, o := range rows {
		if len(ids) == n {
			break
		}
		r.sweep = o.id
		if o.status != string(order.Removed) {
			ids = append(ids, o.id)
		}
	}
	r.sweepOrders += int64(len(ids))
	if len(ids) == n || len(rows) == limit {
		return ids, nil
	}
	r.lastStarted, r.lastEnded, r.lastN = r.sweepStarted, now.UnixMilli(), r.sweepOrders
	r.sweep, r.sweepStarted, r.sweepOrders = "", 0, 0
	return ids, nil
}

// store reports false if the row is no longer before.
func (s *Store) store(ctx context.Context, before, r row) (stored bool, _ error) {
	err := s.db.Transact(ctx, func(tx *sql.Tx) (err error) {
		stored, err = sqldb.Changed(tx.ExecContext(ctx, `UPDATE order_audit SET claims = $1, claimed_at = $2, log = $3, tx = $4, seq = $5,
			sweep = $6, sweep_started = $7, sweep_orders = $8, last_started = $9, last_ended = $10, last_orders = $11 WHERE claims = $12`,
			before.claims+1, r.claimedAt, r.recent.Log, r.recent.Tx, r.recent.Seq, r.sweep, r.sweepStarted, r.sweepOrders,
			r.lastStarted, r.lastEnded, r.lastN, before.claims))
		return err
	})
	return stored, err
}

// Checked adds inspected orders to the status.
func (s *Store) Checked(ctx context.Context, now time.Time, orders int) error {
	return s.db.Call(ctx, "store audit", callTimeout, func(ctx context.Context) error {
		return s.db.Transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE order_audit SET checked = checked + $1, checked_at = $2`, orders, now.UnixMilli())
			return err
		})
	})
}

// Status returns how far the audit is.
func (s *Store) Status(ctx context.Context) (status Status, err error) {
	var checkedAt, started, lastStarted, lastEnded int64
	err = s.db.Call(ctx, "read audit", callTimeout, func(ctx context.Context) error {
		return s.db.System.QueryRowContext(ctx, `SELECT checked, checked_at, sweep_started, sweep_orders, last_started, last_ended, last_orders
			FROM order_audit`).Scan(&status.Checked, &checkedAt, &started, &status.SweepChecked, &lastStarted, &lastEnded, &status.LastSweep.Orders)
	})
	status.LastChecked, status.SweepStarted = timeOf(checkedAt), timeOf(started)
	status.LastSweep.Started, status.LastSweep.Ended = timeOf(lastStarted), timeOf(lastEnded)
	return status, err
}

func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
