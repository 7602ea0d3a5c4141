package destinations

import (
	"context"
	"database/sql"
	"time"

	"orders/orders-actor/orderdb/sqldb"
)

// What follows changes destinations in a transaction of their owner, such as package webhooks.

// newestSQL selects the end of the event log.
func newestSQL(d sqldb.Dialect) string {
	return `SELECT log.id AS log, coalesce(newest.tx, log.pruned_tx) AS tx, coalesce(newest.seq, log.pruned_seq) AS seq, log.pruned_tx, log.pruned_seq
		FROM event_log AS log LEFT JOIN
		(SELECT tx, seq FROM order_events WHERE tx < ` + d.Settled + ` ORDER BY tx DESC, seq DESC LIMIT 1) AS newest ON TRUE`
}

// Add adds an enabled destination that receives the events after now.
func Add(ctx context.Context, tx *sql.Tx, d sqldb.Dialect, id, kind string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO relay_destinations (`+columns+`)
		SELECT $1, $2, TRUE, '', log, tx, seq, 0, 0, 0, '' FROM (`+newestSQL(d)+`) AS newest`, id, kind)
	return err
}

// Enable enables a destination. It continues where it was, and sends its waiting events at once. If the log no longer has its next
// event, it continues at the end of the log.
func Enable(ctx context.Context, tx *sql.Tx, d sqldb.Dialect, id string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `UPDATE relay_destinations SET log = newest.log, tx = newest.tx, seq = newest.seq
		FROM (`+newestSQL(d)+`) AS newest WHERE relay_destinations.id = $1 AND NOT enabled AND (relay_destinations.log <> newest.log
		OR (relay_destinations.tx, relay_destinations.seq) < (newest.pruned_tx, newest.pruned_seq))`, id); err != nil {
		return err
	}
	enabled, err := sqldb.Changed(tx.ExecContext(ctx, `UPDATE relay_destinations SET enabled = TRUE, reason = '', failures = 0
		WHERE id = $1 AND NOT enabled`, id))
	if err != nil || !enabled {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE relay_waiting SET attempts = 0, first_at = $2, next_at = $2 WHERE destination = $1`, id, now.UnixMilli())
	return err
}

// Disable disables a destination.
func Disable(ctx context.Context, tx *sql.Tx, id, reason string) error {
	_, err := tx.ExecContext(ctx, `UPDATE relay_destinations SET enabled = FALSE, reason = $2 WHERE id = $1 AND enabled`, id, reason)
	return err
}

// Delete deletes a destination and its waiting events.
func Delete(ctx context.Context, tx *sql.Tx, id string) error {
	for _, query := range []string{`DELETE FROM relay_destinations WHERE id = $1`, `DELETE FROM relay_waiting WHERE destination = $1`} {
		if _, err := tx.ExecContext(ctx, query, id); err != nil {
			return err
		}
	}
	return nil
}
