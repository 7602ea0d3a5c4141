// Package minutes counts what happens to orders, per minute of the last 24 hours, in the order database.
//
// A Store reads the event log after the fact, so that the turns of orders pay nothing for it. Its numbers are at most as late
// as its caller's last Advance. Each event is counted once, whatever number of replicas counts: a replica stores the counts and
// the position in the log in one transaction, which fails if another replica has moved the position meanwhile.
package minutes

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
)

const (
	// Retention is how long minutes are kept.
	Retention = 24 * time.Hour

	batch       = 500 // events per transaction
	callTimeout = 5 * time.Second
)

// Minute is what happened within the minute that begins at At.
type Minute struct {
	At time.Time
	Counts
}

// Counts are numbers of orders, and how long they took.
type Counts struct {
	Created   int64 `json:"created,omitempty"`
	Confirmed int64 `json:"confirmed,omitempty"`
	Declined  int64 `json:"declined,omitempty"`  // cancelled because the payment was declined
	Cancelled int64 `json:"cancelled,omitempty"` // cancelled by a customer or an operator
	Delivered int64 `json:"delivered,omitempty"`

	Payment  Durations `json:"payment,omitzero"`  // from the create of an order to the decision of its payment
	Lateness Durations `json:"lateness,omitzero"` // from the time when an order was due to its delivery
}

// Add adds the counts of o.
func (c *Counts) Add(o Counts) {
	c.Created += o.Created
	c.Confirmed += o.Confirmed
	c.Declined += o.Declined
	c.Cancelled += o.Cancelled
	c.Delivered += o.Delivered
	c.Payment.add(o.Payment)
	c.Lateness.add(o.Lateness)
}

// event is the part of an order in the event log that is counted.
type event struct {
	Status       order.Status        `json:"status"`
	CreatedAt    time.Time           `json:"createdAt"`
	UpdatedAt    time.Time           `json:"updatedAt"`
	DeliverAt    *time.Time          `json:"deliverAt"`
	Cancellation *order.Cancellation `json:"cancellation"`
}

// count counts one version of an order.
func (c *Counts) count(e event) {
	switch e.Status {
	case order.Created:
		c.Created++
	case order.Confirmed:
		c.Confirmed++
		c.Payment.Observe(e.UpdatedAt.Sub(e.CreatedAt))
	case order.Delivered:
		c.Delivered++
		if e.DeliverAt != nil {
			c.Lateness.Observe(e.UpdatedAt.Sub(*e.DeliverAt))
		}
	case order.Cancelled:
		if e.Cancellation != nil && e.Cancellation.By == order.ByPayment {
			c.Declined++
			c.Payment.Observe(e.UpdatedAt.Sub(e.CreatedAt))
			return
		}
		c.Cancelled++
	}
}

// Store is the part of the order database with the minutes. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db} }

// Since returns the minutes from the given time on, in the order of time. Minutes in which nothing happened are left out.
func (s *Store) Since(ctx context.Context, from time.Time) (all []Minute, err error) {
	err = s.db.Call(ctx, "read minutes", callTimeout, func(ctx context.Context) (err error) {
		all, err = sqldb.Rows(ctx, s.db.System, `SELECT at, counts FROM order_minutes WHERE at >= $1 ORDER BY at`,
			[]any{from.Truncate(time.Minute).UnixMilli()}, func(scan sqldb.Scan, m *Minute) error {
				var at int64
				if err := scan(&at, sqldb.JSON{V: &m.Counts}); err != nil {
					return err
				}
				m.At = time.UnixMilli(at).UTC()
				return nil
			})
		return err
	})
	return all, err
}

// Advance counts all events since the last Advance of any replica, and forgets minutes older than Retention.
func (s *Store) Advance(ctx context.Context, now time.Time) error {
	for more := true; more; {
		err := s.db.Call(ctx, "count events", callTimeout, func(ctx context.Context) (err error) {
			more, err = s.advance(ctx, now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// advance counts up to batch events, and reports whether there may be more.
func (s *Store) advance(ctx context.Context, now time.Time) (more bool, _ error) {
	var before cursors.Feed
	var log string
	err := s.db.System.QueryRowContext(ctx, `SELECT event_log.id, done.log, done.tx, done.seq FROM order_minutes_position AS done, event_log`).
		Scan(&log, &before.Log, &before.Tx, &before.Seq)
	if err != nil {
		return false, err
	}
	after := before
	if before.Log != log { // a new log, whose numbers begin again
		after = cursors.Feed{Log: log}
	}
	counts, n, err := s.read(ctx, &after, now.Add(-Retention))
	if err != nil || after == before {
		return false, err
	}
	err = s.db.Transact(ctx, func(tx *sql.Tx) error { return s.store(ctx, tx, before, after, counts, now) })
	if errors.Is(err, errMoved) {
		return false, nil // another replica counts
	}
	return n == batch, err
}

// read counts the next events after a position by minute, and moves it behind them. It skips those before oldest.
func (s *Store) read(ctx context.Context, after *cursors.Feed, oldest time.Time) (map[int64]*Counts, int, error) {
	type row struct {
		cursors.Position
		event
	}
	rows, err := sqldb.Rows(ctx, s.db.System, `SELECT tx, seq, document FROM order_events
		WHERE (tx, seq) > ($1, $2) AND tx < `+s.db.Settled+` ORDER BY tx, seq LIMIT $3`, []any{after.Tx, after.Seq, batch},
		func(scan sqldb.Scan, r *row) error { return scan(&r.Tx, &r.Seq, sqldb.JSON{V: &r.event}) })
	if err != nil {
		return nil, 0, err
	}
	counts := map[int64]*Counts{}
	for _, r := range rows {
		after.Position = r.Position
		if r.UpdatedAt.Before(oldest) {
			continue
		}
		minute := r.UpdatedAt.Truncate(time.Minute).UnixMilli()
		if counts[minute] == nil {
			counts[minute] = &Counts{}
		}
		counts[minute].count(r.event)
	}
	return counts, len(rows), nil
}

// errMoved means that another replica has counted the same events.
var errMoved = errors.New("the position has moved")

func (s *Store) store(ctx context.Context, tx *sql.Tx, before, after cursors.Feed, counts map[int64]*Counts, now time.Time) error {
	moved, err := sqldb.Changed(tx.ExecContext(ctx, `UPDATE order_minutes_position SET log = $1, tx = $2, seq = $3
		WHERE log = $4 AND tx = $5 AND seq = $6`, after.Log, after.Tx, after.Seq, before.Log, before.Tx, before.Seq))
	if err != nil {
		return err
	}
	if !moved {
		return errMoved
	}
	for minute, c := range counts {
		var stored Counts
		err := tx.QueryRowContext(ctx, `SELECT counts FROM order_minutes WHERE at = $1`, minute).Scan(sqldb.JSON{V: &stored})
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		stored.Add(*c)
		data, err := json.Marshal(stored)
		if err != nil {
			return fmt.Errorf("encode minute: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO order_minutes (at, counts) VALUES ($1, $2)
			ON CONFLICT (at) DO UPDATE SET counts = excluded.counts`, minute, string(data)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM order_minutes WHERE at < $1`, now.Add(-Retention).Truncate(time.Minute).UnixMilli())
	return err
}

// bounds are the upper bounds of Durations: from 1 ms, each 1.5 times the one before, to about two days. So a percentile is at most
// 50 % above the exact one.
var bounds = func() (bounds []time.Duration) {
	for bound := time.Millisecond; bound < 48*time.Hour; bound += bound / 2 {
		bounds = append(bounds, bound)
	}
	return bounds
}()

// Durations are numbers of durations by bound. The last number is of those above all bounds. Trailing zeros are left out.
type Durations []int64

// Observe adds a duration. It counts one below 0, from clocks that differ, as 0.
func (d *Durations) Observe(took time.Duration) {
	i, _ := slices.BinarySearch(bounds, took)
	d.grow(i + 1)
	(*d)[i]++
}

func (d *Durations) grow(n int) {
	for len(*d) < n {
		*d = append(*d, 0)
	}
}

func (d *Durations) add(o Durations) {
	d.grow(len(o))
	for i, n := range o {
		(*d)[i] += n
	}
}

// Percentile returns the bound below which p percent of the durations are, or false if there are none.
func (d Durations) Percentile(p int64) (time.Duration, bool) {
	var total int64
	for _, n := range d {
		total += n
	}
	if total == 0 {
		return 0, false
	}
	rank := (total*p + 99) / 100 // rounded up
	for i, n := range d {
		if rank -= n; rank <= 0 {
			return bounds[min(i, len(bounds)-1)], true
		}
	}
	return bounds[len(bounds)-1], true
}
