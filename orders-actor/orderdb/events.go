package orderdb

import (
	"context"
	"database/sql"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/eventlog"
	"orders/orders-actor/orderdb/selection"
	"orders/orders-actor/orderdb/sqldb"
)

// How readers of the event log miss no event:
//
// PostgreSQL assigns sequence numbers when rows are written, but rows become visible when their transaction commits. A
// reader that remembers the highest number it has seen would miss a lower number that commits later. Therefore each event
// has the number of its transaction, and events are read in the order of (transaction, sequence), up to the oldest
// transaction that is still running on the server: no event can be added before it. The drawback is that a long writing
// transaction of any client of the server delays the feed. Those of this package end within seconds (see
// sqldb.DB.Transact). SQLite has one writer, and all transactions have the number 0.
//
// Events of an order are in the order of its versions, since writers of an order lock it before they get a number.

// EventQuery selects the events after a cursor, of all customers if Customer is empty.
type EventQuery struct {
	After    string
	Customer string
	Limit    int // 50 when 0, 500 at most
}

// Event is the summary of one version of an order, and the cursor after it. Events of older releases have no history at all.
type Event struct {
	Cursor string
	Order  order.Order
}

// Events are in the order of the event log. Next is the cursor to continue from. It also passes events of other customers.
type Events struct {
	Events []Event
	Next   string
}

// newest selects the last event of the log.
func (d *DB) newest() string {
	return `(SELECT tx, seq FROM order_events WHERE tx < ` + d.db.Settled + ` ORDER BY tx DESC, seq DESC LIMIT 1) AS newest`
}

// Events returns the events after a cursor, maybe none, or ErrCursorExpired or ErrBadCursor.
func (d *DB) Events(ctx context.Context, q EventQuery) (events Events, err error) {
	after, err := cursors.ParseFeed(q.After)
	if err != nil {
		return Events{}, err
	}
	limit := limitOf(q.Limit)
	a := selection.Args{after.Tx, after.Seq, limit}
	ofCustomer := eventlog.NotErased
	if q.Customer != "" {
		ofCustomer = "AND customer = " + a.Add(q.Customer)
	}
	// One statement reads one snapshot. It returns a row even if there is no event.
	query := `
		SELECT log.id, log.pruned_tx, log.pruned_seq, coalesce(newest.tx, log.pruned_tx), coalesce(newest.seq, log.pruned_seq),
			coalesce(event.tx, 0), coalesce(event.seq, 0), event.document
		FROM event_log AS log LEFT JOIN ` + d.newest() + ` ON TRUE LEFT JOIN (
			SELECT tx, seq, document FROM order_events WHERE (tx, seq) > ($1, $2) AND tx < ` + d.db.Settled + ` ` + ofCustomer + `
			ORDER BY tx, seq LIMIT $3
		) AS event ON TRUE
		ORDER BY event.tx, event.seq`
	type row struct {
		log            string
		pruned, newest cursors.Position
		event          cursors.Position
		order          *order.Order
	}
	err = d.db.Call(ctx, "read events", callTimeout, func(ctx context.Context) error {
		found, err := sqldb.Rows(ctx, d.db.System, query, a, func(scan sqldb.Scan, r *row) error {
			return scan(&r.log, &r.pruned.Tx, &r.pruned.Seq, &r.newest.Tx, &r.newest.Seq, &r.event.Tx, &r.event.Seq, sqldb.JSON{V: &r.order})
		})
		if err != nil {
			return err
		}
		log := found[0]
		if after.Log != log.log || after.Compare(log.pruned) < 0 || after.Compare(log.newest) > 0 {
			return ErrCursorExpired
		}
		for _, r := range found {
			if r.order != nil {
				events.Events = append(events.Events, Event{Cursor: cursors.Feed{Log: log.log, Position: r.event}.String(), Order: *r.order})
			}
		}
		end := log.newest
		if len(events.Events) == limit {
			end = found[limit-1].event
		}
		events.Next = cursors.Feed{Log: log.log, Position: end}.String()
		return nil
	})
	if err != nil {
		return Events{}, err
	}
	return events, nil
}

// Head returns the cursor after the newest event.
func (d *DB) Head(ctx context.Context) (cursor string, err error) {
	err = d.db.Call(ctx, "find head of event log", callTimeout, func(ctx context.Context) error {
		cursor, err = d.head(ctx, d.db.System)
		return err
	})
	return cursor, err
}

func (d *DB) head(ctx context.Context, db *sql.DB) (string, error) {
	var c cursors.Feed
	err := db.QueryRowContext(ctx, `
		SELECT log.id, coalesce(newest.tx, log.pruned_tx), coalesce(newest.seq, log.pruned_seq)
		FROM event_log AS log LEFT JOIN `+d.newest()+` ON TRUE`).Scan(&c.Log, &c.Tx, &c.Seq)
	if err != nil {
		return "", err
	}
	return c.String(), nil
}

// Written returns a channel that receives after writes of this process, not of other replicas. It is for one reader.
func (d *DB) Written() <-chan struct{} { return d.written }

func (d *DB) wake() {
	select {
	case d.written <- struct{}{}:
	default: // a read is due already
	}
}

const (
	// EventRetention is how long events are kept, at least.
	EventRetention = eventlog.Retention

	pruneBatch = 1_000 // rows per transaction, so that writers do not wait long
)

// Prune deletes events older than EventRetention, see eventlog.Prune, and legacy idempotency keys older than KeyRetention.
func (d *DB) Prune(ctx context.Context, now time.Time) error {
	if err := d.repeat(ctx, "prune events", func(ctx context.Context, tx *sql.Tx) (bool, error) {
		return eventlog.Prune(ctx, tx, now, pruneBatch)
	}); err != nil {
		return err
	}
	return d.repeat(ctx, "prune idempotency keys", func(ctx context.Context, tx *sql.Tx) (bool, error) {
		return pruneKeys(ctx, tx, now.Add(-KeyRetention))
	})
}

// repeat runs step in a transaction each until it reports that there is no more to do.
func (d *DB) repeat(ctx context.Context, what string, step func(context.Context, *sql.Tx) (more bool, err error)) error {
	for more := true; more; {
		err := d.db.Call(ctx, what, callTimeout, func(ctx context.Context) error {
			return d.db.Transact(ctx, func(tx *sql.Tx) (err error) {
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
