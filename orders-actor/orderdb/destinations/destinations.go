// Package destinations stores what the relay needs to know of each place that it sends events to: how far it is in the event log, and
// which events wait to be sent again. One replica at a time runs the relay. Writes of one that has lost its lease are refused.
package destinations

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
)

var (
	// ErrLeaseLost means that another replica runs the relay now.
	ErrLeaseLost = errors.New("relay lease lost")
	// ErrDisabled means that the destination was disabled or deleted.
	ErrDisabled = errors.New("destination disabled")
)

const callTimeout = 5 * time.Second

// SaveTimeout is enough for a Save that another transaction delays.
const SaveTimeout = callTimeout

// Destination is where events are sent.
type Destination struct {
	ID, Kind string
	Enabled  bool
	Reason   string // why it is disabled
	Cursor   string // in the event log; all events before it are sent or Waiting

	Failures                 int // failed attempts since the last success
	LastSuccess, LastFailure time.Time
	LastError                string
}

// Waiting is an event before the cursor that must be sent, again or after an earlier event of the same order.
type Waiting struct {
	Position cursors.Position
	OrderID  string
	FirstAt  time.Time // the first attempt; while there was none, when it began to wait
	NextAt   time.Time // the next attempt
	Attempts int
	Order    order.Order // set by Documents only
}

// Store is the part of the order database with the destinations. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db} }

func (s *Store) transact(ctx context.Context, what string, do func(tx *sql.Tx) error) error {
	return s.db.Call(ctx, what, callTimeout, func(ctx context.Context) error { return s.db.Transact(ctx, do) })
}

const columns = `id, kind, enabled, reason, log, tx, seq, failures, last_success, last_failure, last_error`

func scan(scan sqldb.Scan, d *Destination) error {
	var at cursors.Feed
	var success, failure int64
	err := scan(&d.ID, &d.Kind, &d.Enabled, &d.Reason, &at.Log, &at.Tx, &at.Seq, &d.Failures, &success, &failure, &d.LastError)
	d.Cursor, d.LastSuccess, d.LastFailure = at.String(), timeOf(success), timeOf(failure)
	return err
}

// Enabled returns the destinations that are enabled.
func (s *Store) Enabled(ctx context.Context) (all []Destination, err error) {
	err = s.db.Call(ctx, "list destinations", callTimeout, func(ctx context.Context) error {
		all, err = sqldb.Rows(ctx, s.db.System, `SELECT `+columns+` FROM relay_destinations WHERE enabled ORDER BY id`, nil, scan)
		return err
	})
	return all, err
}

// Read returns an enabled destination and its waiting events in the order of the log, or ErrDisabled.
func (s *Store) Read(ctx context.Context, id string) (d Destination, waiting []Waiting, err error) {
	err = s.db.Call(ctx, "read destination", callTimeout, func(ctx context.Context) error {
		found, err := sqldb.Rows(ctx, s.db.System, `SELECT `+columns+` FROM relay_destinations WHERE id = $1 AND enabled`, []any{id}, scan)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ErrDisabled
		}
		d = found[0]
		waiting, err = sqldb.Rows(ctx, s.db.System, `SELECT tx, seq, order_id, first_at, next_at, attempts FROM relay_waiting
			WHERE destination = $1 ORDER BY tx, seq`, []any{id}, func(scan sqldb.Scan, w *Waiting) error { return scanWaiting(scan, w) })
		return err
	})
	return d, waiting, err
}

// Documents returns the waiting events of some orders in the order of the log, at most limit.
func (s *Store) Documents(ctx context.Context, id string, orders []string, limit int) (waiting []Waiting, err error) {
	err = s.db.Call(ctx, "read waiting events", callTimeout, func(ctx context.Context) error {
		waiting, err = sqldb.Rows(ctx, s.db.System, `SELECT tx, seq, order_id, first_at, next_at, attempts, document FROM relay_waiting
			WHERE destination = $1 AND order_id IN (SELECT value FROM `+s.db.JSONList("$2")+` AS due) ORDER BY tx, seq LIMIT $3`,
			[]any{id, sqldb.JSON{V: orders}, limit},
			func(scan sqldb.Scan, w *Waiting) error { return scanWaiting(scan, w, sqldb.JSON{V: &w.Order}) })
		return err
	})
	return waiting, err
}

func scanWaiting(scan sqldb.Scan, w *Waiting, more ...any) error {
	var first, next int64
	err := scan(append([]any{&w.Position.Tx, &w.Position.Seq, &w.OrderID, &first, &next, &w.Attempts}, more...)...)
	w.FirstAt, w.NextAt = timeOf(first), timeOf(next)
	return err
}

// Progress is what the relay has done for a destination.
type Progress struct {
	Before  Destination
	Cursor  string             // the new one
	Sent    []cursors.Position // waiting events that no longer wait
	Waiting []Waiting          // new ones, and those with another attempt
	DueNow  bool               // the other waiting events need not wait for their next attempt

	Failures                 int
	LastSuccess, LastFailure time.Time
	LastError                string
	Disable                  string // the reason; empty to leave it enabled

	Record func(ctx context.Context, tx *sql.Tx) error // stores the attempts; may be nil
}

// Save stores progress in one transaction. It returns ErrLeaseLost if the lease was taken, and ErrDisabled if the destination was
// disabled, deleted, or moved meanwhile; then it stores nothing.
func (s *Store) Save(ctx context.Context, l Lease, now time.Time, p Progress) error {
	before, err := cursors.ParseFeed(p.Before.Cursor)
	if err != nil {
		return err
	}
	after, err := cursors.ParseFeed(p.Cursor)
	if err != nil {
		return err
	}
	return s.transact(ctx, "save destination", func(tx *sql.Tx) error {
		if err := renew(ctx, tx, l); err != nil {
			return err
		}
		same, err := sqldb.Changed(tx.ExecContext(ctx, `UPDATE relay_destinations SET log = $2, tx = $3, seq = $4, failures = $5,
			last_success = $6, last_failure = $7, last_error = $8, enabled = $9, reason = $10
			WHERE id = $1 AND enabled AND log = $11 AND tx = $12 AND seq = $13`,
			p.Before.ID, after.Log, after.Tx, after.Seq, p.Failures, millis(p.LastSuccess), millis(p.LastFailure), p.LastError,
			p.Disable == "", p.Disable, before.Log, before.Tx, before.Seq))
		if err == nil && !same {
			err = ErrDisabled
		}
		if err == nil {
			err = s.saveWaiting(ctx, tx, now, p)
		}
		if err == nil && p.Record != nil {
			err = p.Record(ctx, tx)
		}
		return err
	})
}

func (s *Store) saveWaiting(ctx context.Context, tx *sql.Tx, now time.Time, p Progress) error {
	for _, sent := range p.Sent {
		if _, err := tx.ExecContext(ctx, `DELETE FROM relay_waiting WHERE destination = $1 AND tx = $2 AND seq = $3`,
			p.Before.ID, sent.Tx, sent.Seq); err != nil {
			return err
		}
	}
	if p.DueNow {
		if _, err := tx.ExecContext(ctx, `UPDATE relay_waiting SET next_at = $2 WHERE destination = $1 AND next_at > $2`,
			p.Before.ID, now.UnixMilli()); err != nil {
			return err
		}
	}
	for _, w := range p.Waiting {
		if _, err := tx.ExecContext(ctx, `INSERT INTO relay_waiting (destination, tx, seq, order_id, first_at, next_at, attempts, document)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (destination, tx, seq) DO UPDATE SET
			first_at = excluded.first_at, next_at = excluded.next_at, attempts = excluded.attempts`,
			p.Before.ID, w.Position.Tx, w.Position.Seq, w.OrderID, millis(w.FirstAt), millis(w.NextAt), w.Attempts, sqldb.JSON{V: w.Order}); err != nil {
			return err
		}
	}
	return nil
}

func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
