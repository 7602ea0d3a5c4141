package orderdb

import (
	"context"
	"database/sql"
	"time"

	"orders/orders-actor/order"
)

// How the feed never steps over an event:
//
// On PostgreSQL numbers are given when a row is written, and rows become visible when their transaction commits. A
// reader that remembers the highest number it saw would miss a lower one that commits later. So each event carries the
// number of its transaction, events are read in the order of (transaction, sequence), and only up to the oldest
// transaction that is still open anywhere: below that, nothing can be added. The price is that a writing transaction
// which stays open in the same server, of any client, holds up the feed; ours end within seconds (see transact).
// On SQLite there is one writer, and all transactions count as number 0.
//
// An order's events come in the order of its versions: writers of one order take a lock before they get a number.

// EventQuery asks for what happened after a cursor, of all customers when Customer is empty.
type EventQuery struct {
	After    string
	Customer string
	Limit    int // 50 when 0, 500 at most
}

// Event is one version of an order, without its history, and the place right after it in the log.
type Event struct {
	Cursor string
	Order  order.Order
}

// Events are in the log's order. Next is the cursor to go on from; with Customer it also passes what is not the customer's.
type Events struct {
	Events []Event
	Next   string
}

// newest selects the last event that everybody can see.
func (d *DB) newest() string {
	return `(SELECT tx, seq FROM order_events WHERE tx < ` + d.settled + ` ORDER BY tx DESC, seq DESC LIMIT 1) AS newest`
}

// Events returns what happened after a cursor, ErrCursorExpired, or ErrBadCursor. That there is nothing yet is no error.
func (d *DB) Events(ctx context.Context, q EventQuery) (events Events, err error) {
	after, err := parseFeedCursor(q.After)
	if err != nil {
		return Events{}, err
	}
	limit := bounded(q.Limit)
	a := args{after.tx, after.seq, limit}
	mine := ""
	if q.Customer != "" {
		mine = "AND customer = " + a.add(q.Customer)
	}
	// One statement, so that all is seen at one moment. It returns a row even if there is no event.
	query := `
		SELECT log.id, log.pruned_tx, log.pruned_seq, coalesce(newest.tx, log.pruned_tx), coalesce(newest.seq, log.pruned_seq),
			coalesce(event.tx, 0), coalesce(event.seq, 0), event.document
		FROM event_log AS log LEFT JOIN ` + d.newest() + ` ON TRUE LEFT JOIN (
			SELECT tx, seq, document FROM order_events WHERE (tx, seq) > ($1, $2) AND tx < ` + d.settled + ` ` + mine + `
			ORDER BY tx, seq LIMIT $3
		) AS event ON TRUE
		ORDER BY event.tx, event.seq`
	type row struct {
		log            string
		pruned, newest position
		event          position
		order          *order.Order
	}
	err = d.call(ctx, "read events", callTimeout, func(ctx context.Context) error {
		found, err := rows(ctx, d.system, query, a, func(scan scan, r *row) error {
			return scan(&r.log, &r.pruned.tx, &r.pruned.seq, &r.newest.tx, &r.newest.seq, &r.event.tx, &r.event.seq, document{&r.order})
		})
		if err != nil {
			return err
		}
		log := found[0]
		if after.log != log.log || after.compare(log.pruned) < 0 || after.compare(log.newest) > 0 {
			return ErrCursorExpired
		}
		for _, r := range found {
			if r.order != nil {
				events.Events = append(events.Events, Event{Cursor: feedCursor{log.log, r.event}.String(), Order: *r.order})
			}
		}
		end := log.newest
		if len(events.Events) == limit {
			end = found[limit-1].event
		}
		events.Next = feedCursor{log.log, end}.String()
		return nil
	})
	if err != nil {
		return Events{}, err
	}
	return events, nil
}

// Head is the cursor of now.
func (d *DB) Head(ctx context.Context) (cursor string, err error) {
	err = d.call(ctx, "find the feed's head", callTimeout, func(ctx context.Context) error {
		cursor, err = d.head(ctx, d.system)
		return err
	})
	return cursor, err
}

func (d *DB) head(ctx context.Context, db *sql.DB) (string, error) {
	var c feedCursor
	err := db.QueryRowContext(ctx, `
		SELECT log.id, coalesce(newest.tx, log.pruned_tx), coalesce(newest.seq, log.pruned_seq)
		FROM event_log AS log LEFT JOIN `+d.newest()+` ON TRUE`).Scan(&c.log, &c.tx, &c.seq)
	if err != nil {
		return "", err
	}
	return c.String(), nil
}

const (
	// EventRetention is how long events are kept, at least.
	EventRetention = 7 * 24 * time.Hour
	// KeyRetention is how long rows of the legacy table of idempotency keys are kept, at least.
	KeyRetention = 24 * time.Hour

	pruneBatch = 1_000 // rows deleted at once: others want to write too
)

// Prune deletes events and idempotency keys that are older than they must be kept.
func (d *DB) Prune(ctx context.Context, now time.Time) error {
	if err := d.repeat(ctx, "prune events", func(ctx context.Context, tx *sql.Tx) (bool, error) {
		return pruneEvents(ctx, tx, now.Add(-EventRetention))
	}); err != nil {
		return err
	}
	return d.repeat(ctx, "prune idempotency keys", func(ctx context.Context, tx *sql.Tx) (bool, error) {
		return pruneKeys(ctx, tx, now.Add(-KeyRetention))
	})
}

// repeat runs step in transactions of its own until it says that there is no more to do.
func (d *DB) repeat(ctx context.Context, what string, step func(context.Context, *sql.Tx) (more bool, err error)) error {
	for more := true; more; {
		err := d.call(ctx, what, callTimeout, func(ctx context.Context) error {
			return d.transact(ctx, func(tx *sql.Tx) (err error) {
				more, err = step(ctx, tx)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneEvents deletes from the log's beginning only, and notes how far.
func pruneEvents(ctx context.Context, tx *sql.Tx, before time.Time) (more bool, _ error) {
	var end position
	err := tx.QueryRowContext(ctx, `
		SELECT tx, seq FROM (SELECT tx, seq, at FROM order_events ORDER BY tx, seq LIMIT $1) AS oldest
		WHERE at < $2 ORDER BY tx DESC, seq DESC LIMIT 1`, pruneBatch, before.UnixMilli()).Scan(&end.tx, &end.seq)
	if err == sql.ErrNoRows { //nolint:errorlint // database/sql returns it as it is
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM order_events WHERE (tx, seq) <= ($1, $2)`, end.tx, end.seq); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE event_log SET pruned_tx = $1, pruned_seq = $2 WHERE (pruned_tx, pruned_seq) < ($1, $2)`, end.tx, end.seq)
	return true, err
}

// restartForeignLog begins a new log when the events are from another server: a dump was restored, and transactions
// count from the beginning again, so that new events would sort among the old ones. It compares with what its own statement
// sees and not with its own number, because other replicas go on writing meanwhile.
func (d *DB) restartForeignLog(ctx context.Context, tx *sql.Tx) error {
	var foreign bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM order_events WHERE tx >= `+d.unseen+`)
		OR EXISTS (SELECT 1 FROM event_log WHERE pruned_tx >= `+d.unseen+`)`).Scan(&foreign)
	if err != nil || !foreign {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM order_events`); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE event_log SET id = $1, pruned_tx = 0, pruned_seq = 0`, newLogID())
	return err
}
