// Package eventlog maintains the event log of the order database: it prunes old events, erases those of removed orders, and restarts
// a log that came from another server.
package eventlog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
)

const (
	// Retention is how long events are kept, at least.
	Retention = 7 * 24 * time.Hour
	// UnsentRetention is how long events are kept that an enabled destination of the relay has not read yet.
	UnsentRetention = 14 * 24 * time.Hour
)

// NotErased is the condition for events that were not erased, to be added to others. An erased event keeps its place in the log, so
// that cursors stay valid, but has neither customer nor order.
const NotErased = ` AND customer <> '' `

const eraseBatch = 5_000 // events per transaction

// Erase erases the events of a customer's removed orders, in small transactions. It reads all events of the customer.
func Erase(ctx context.Context, db *sqldb.DB, customer string) (erased int64, _ error) {
	if customer == "" {
		return 0, nil
	}
	var after cursors.Position
	for {
		var end cursors.Position
		err := db.System.QueryRowContext(ctx, `SELECT tx, seq FROM (SELECT tx, seq FROM order_events WHERE customer = $1 AND (tx, seq) > ($2, $3)
			ORDER BY tx, seq LIMIT $4) AS batch ORDER BY tx DESC, seq DESC LIMIT 1`, customer, after.Tx, after.Seq, eraseBatch).Scan(&end.Tx, &end.Seq)
		if err == sql.ErrNoRows { //nolint:errorlint // database/sql returns it as it is
			return erased, nil
		}
		if err != nil {
			return erased, err
		}
		err = db.Transact(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, `UPDATE order_events SET customer = '', document = '{}'
				WHERE customer = $1 AND (tx, seq) > ($2, $3) AND (tx, seq) <= ($4, $5)
				AND EXISTS (SELECT 1 FROM orders WHERE id = document->>'id' AND status = $6)`,
				customer, after.Tx, after.Seq, end.Tx, end.Seq, string(order.Removed))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			erased += n
			return err
		})
		if err != nil {
			return erased, err
		}
		after = end
	}
}

// Prune deletes events older than Retention from the beginning of the log, and stores the position up to which it did. It keeps those
// that an enabled destination of the relay has not read yet, up to UnsentRetention.
func Prune(ctx context.Context, tx *sql.Tx, now time.Time, limit int) (more bool, _ error) {
	var end cursors.Position
	err := tx.QueryRowContext(ctx, `
		SELECT tx, seq FROM (SELECT tx, seq, at FROM order_events ORDER BY tx, seq LIMIT $1) AS oldest
		WHERE at < $2 AND (at < $3 OR NOT EXISTS (SELECT 1 FROM relay_destinations AS d JOIN event_log ON event_log.id = d.log
			WHERE d.enabled AND (d.tx, d.seq) < (oldest.tx, oldest.seq)))
		ORDER BY tx DESC, seq DESC LIMIT 1`, limit, now.Add(-Retention).UnixMilli(), now.Add(-UnsentRetention).UnixMilli()).Scan(&end.Tx, &end.Seq)
	if err == sql.ErrNoRows { //nolint:errorlint // database/sql returns it as it is
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM order_events WHERE (tx, seq) <= ($1, $2)`, end.Tx, end.Seq); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE event_log SET pruned_tx = $1, pruned_seq = $2 WHERE (pruned_tx, pruned_seq) < ($1, $2)`, end.Tx, end.Seq)
	return true, err
}

// RestartForeign begins a new log if the events are from another server. After a dump is restored, transaction numbers
// begin again, and new events would sort before the old ones. It compares with the snapshot of its statement, not with its own
// transaction number, because other replicas write at the same time.
func RestartForeign(ctx context.Context, tx *sql.Tx, d sqldb.Dialect) error {
	var foreign bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM order_events WHERE tx >= `+d.Unseen+`)
		OR EXISTS (SELECT 1 FROM event_log WHERE pruned_tx >= `+d.Unseen+`)`).Scan(&foreign)
	if err != nil || !foreign {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM order_events`); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE event_log SET id = $1, pruned_tx = 0, pruned_seq = 0`, newLogID())
	return err
}

func newLogID() string {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
