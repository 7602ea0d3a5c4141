// Package orderdb is the order database: every order's newest version and the log of all versions, in SQL.
// SQLite serves one replica, PostgreSQL several.
//
// It guarantees:
//
//   - Put is the arbiter between two hosts of one order: an older version, or another content of the same version, never
//     replaces what is held.
//   - A version and its event become visible together, and each version has one event.
//   - Whoever reads Events from cursor to cursor meets every event once, in an order in which an order's versions ascend,
//     though transactions commit out of order; or learns by ErrCursorExpired that this isn't possible any more.
//   - A List's pages hold every order that didn't change meanwhile exactly once, and what a page, an export's step or a
//     count reads is bounded, whatever the table holds (see list.go for how, and for the one exception).
//   - Every call ends within its own deadline, even when ctx has none. While the database can't be reached calls fail with
//     ErrUnavailable: nobody knows then whether a write was done, and a repeat is safe.
package orderdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"orders/orders-actor/order"
)

var (
	// ErrNotFound says that the view has no such order.
	ErrNotFound = errors.New("no such order")
	// ErrBadCursor says that a cursor wasn't made by this view, or belongs to another list.
	ErrBadCursor = errors.New("bad cursor")
	// ErrCursorExpired says that events after the cursor are lost, or that it is from another log.
	ErrCursorExpired = errors.New("cursor expired")
	// ErrUnavailable says that the database didn't answer, or not in time.
	ErrUnavailable = errors.New("list view unavailable")
)

const (
	callTimeout = 5 * time.Second
	pageTimeout = 10 * time.Second // lists look at more than the rest
)

// DB is the view in its database. Its methods may be called at the same time.
type DB struct {
	dialect
	// system is for the feed, the reconciler and readiness; lists for pages and exports, which may take long; read and
	// write for the rest. On PostgreSQL read and write are the same.
	system, lists, read, write *sql.DB
	clock                      func() time.Time
	opened                     time.Time
	written                    chan struct{} // wakes the Watcher
}

// Close ends all connections.
func (d *DB) Close() error {
	var errs []error
	closed := map[*sql.DB]bool{nil: true}
	for _, db := range []*sql.DB{d.system, d.lists, d.read, d.write} {
		if !closed[db] {
			errs = append(errs, db.Close())
			closed[db] = true
		}
	}
	return errors.Join(errs...)
}

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	return d.call(ctx, "ping the view", callTimeout, func(ctx context.Context) error {
		var one int
		return d.system.QueryRowContext(ctx, `SELECT 1`).Scan(&one)
	})
}

// Ready says whether the database can serve requests. It reads a row of each table that requests read: a damaged
// database, or one whose tables are missing, still answers SELECT 1.
func (d *DB) Ready(ctx context.Context) error {
	return d.call(ctx, "read the view", callTimeout, func(ctx context.Context) error {
		if _, err := d.head(ctx, d.system); err != nil {
			return err
		}
		for _, query := range []string{
			`SELECT id FROM orders ORDER BY id DESC LIMIT 1`,
			`SELECT word FROM order_words LIMIT 1`,
			`SELECT order_id FROM idempotency_keys LIMIT 1`,
		} {
			var text string
			if err := d.system.QueryRowContext(ctx, query).Scan(&text); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
}

// Get returns an order with its history, or ErrNotFound.
func (d *DB) Get(ctx context.Context, id string) (order.Order, error) {
	var s order.State
	err := d.call(ctx, "get order "+id, callTimeout, func(ctx context.Context) (err error) {
		s, err = held(ctx, d.read, id)
		return err
	})
	return s.Order, err
}

// Find returns an order's state, or false when the view does not hold it.
func (d *DB) Find(ctx context.Context, id string) (s order.State, found bool, _ error) {
	err := d.call(ctx, "find order "+id, callTimeout, func(ctx context.Context) (err error) {
		s, err = held(ctx, d.read, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return order.State{}, false, nil
	}
	return s, err == nil, err
}

// Put shows a version of an order, together with its event. When the view holds a newer version, or the same version
// with other content, it stays as it is, and Put returns *order.Conflict with what is held. The same version again only
// renews whether the payment's void is owed, and notes of failed payment calls.
func (d *DB) Put(ctx context.Context, s order.State) error {
	err := d.call(ctx, "put order "+s.ID, callTimeout, func(ctx context.Context) error {
		return d.transact(ctx, func(tx *sql.Tx) error { return d.put(ctx, tx, s) })
	})
	if err == nil {
		d.wake()
	}
	return err
}

func (d *DB) put(ctx context.Context, tx *sql.Tx, s order.State) error {
	if err := d.lock(ctx, tx, s.ID); err != nil {
		return err
	}
	before, err := held(ctx, tx, s.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		if err := d.insert(ctx, tx, s); err != nil {
			return err
		}
	case err != nil:
		return err
	case before.Version > s.Version:
		return &order.Conflict{Held: before}
	case before.Version == s.Version:
		return renew(ctx, tx, before, s)
	default:
		if err := update(ctx, tx, s); err != nil {
			return err
		}
	}
	return d.log(ctx, tx, s.Order)
}

// Restore puts the states of orders that the view lacks, or holds an older version of, in one transaction, and returns how
// many these were. What it holds in the same version or a newer one stays as it is. It may be repeated, and run while turns do.
func (d *DB) Restore(ctx context.Context, states []order.State) (restored int, _ error) {
	err := d.call(ctx, "restore orders", pageTimeout, func(ctx context.Context) error {
		return d.transact(ctx, func(tx *sql.Tx) error {
			for _, s := range states {
				if err := d.lock(ctx, tx, s.ID); err != nil {
					return err
				}
				before, err := held(ctx, tx, s.ID)
				switch {
				case err == nil && before.Version >= s.Version:
					continue // also the notes, which may be newer here than in a state that was read a while ago
				case err != nil && !errors.Is(err, ErrNotFound):
					return err
				}
				if err := d.put(ctx, tx, s); err != nil {
					return err
				}
				restored++
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	if restored > 0 {
		d.wake()
	}
	return restored, nil
}

// Empty reports whether the view holds no order.
func (d *DB) Empty(ctx context.Context) (bool, error) {
	err := d.call(ctx, "look for an order", callTimeout, func(ctx context.Context) error {
		var id string
		return d.system.QueryRowContext(ctx, `SELECT id FROM orders LIMIT 1`).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func held(ctx context.Context, q querier, id string) (s order.State, _ error) {
	err := q.QueryRowContext(ctx, `SELECT state FROM orders WHERE id = $1`, id).Scan(document{&s})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return s, err
}

func (d *DB) insert(ctx context.Context, tx *sql.Tx, s order.State) error {
	own, ofCustomer := wordsOf(s.Order)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, words_version, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.ID, s.Customer, string(s.Status), s.Version, s.Total, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), millis(s.DeliverAt),
		s.VoidPending, searchable(slices.Concat(own, ofCustomer)), wordsVersion, document{s})
	if err != nil {
		return err
	}
	return d.insertWords(ctx, tx, s.Order, own, ofCustomer)
}

// insertWords leaves the customer's own words out of the index of that customer's orders: they would find all of them.
func (d *DB) insertWords(ctx context.Context, tx *sql.Tx, o order.Order, own, ofCustomer []string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO order_words (word, order_id, customer)
		SELECT value, CAST($2 AS TEXT), CAST($3 AS TEXT) FROM `+d.list("$1")+` AS own
		UNION ALL SELECT value, CAST($2 AS TEXT), CAST(NULL AS TEXT) FROM `+d.list("$4")+` AS of_customer`,
		document{own}, o.ID, o.Customer, document{ofCustomer})
	return err
}

// update leaves alone what never changes: the customer, the items, and so the words.
func update(ctx context.Context, tx *sql.Tx, s order.State) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE orders SET status = $2, version = $3, updated_at = $4, deliver_at = $5, void_owed = $6, state = $7 WHERE id = $1`,
		s.ID, string(s.Status), s.Version, s.UpdatedAt.UnixMilli(), millis(s.DeliverAt), s.VoidPending, document{s})
	return err
}

func renew(ctx context.Context, tx *sql.Tx, before, s order.State) error {
	same, err := sameButForNotes(before, s)
	switch {
	case err != nil:
		return err
	case !same:
		return &order.Conflict{Held: before}
	case before.VoidPending == s.VoidPending && before.Payment.Attempts >= s.Payment.Attempts:
		return nil
	default:
		return update(ctx, tx, s)
	}
}

func sameButForNotes(a, b order.State) (bool, error) {
	left, err := json.Marshal(a.WithoutNotes())
	if err != nil {
		return false, err
	}
	right, err := json.Marshal(b.WithoutNotes())
	return string(left) == string(right), err
}

func (d *DB) log(ctx context.Context, tx *sql.Tx, o order.Order) error {
	o.History = nil
	_, err := tx.ExecContext(ctx, `INSERT INTO order_events (tx, at, customer, document) VALUES (`+d.thisTx+`, $1, $2, $3)`,
		d.clock().UnixMilli(), o.Customer, document{o})
	return err
}

// These have an index each.
const (
	stuckUnpaid  = `SELECT id FROM orders WHERE status = 'created' AND updated_at < $1 ORDER BY updated_at LIMIT $2`
	stuckOverdue = `SELECT id FROM orders WHERE status = 'confirmed' AND deliver_at < $1 ORDER BY deliver_at LIMIT $2`
	stuckVoids   = `SELECT id FROM orders WHERE void_owed AND updated_at < $1 ORDER BY updated_at LIMIT $2`
)

// Stuck returns up to limit orders that should have moved on: created and unpaid for longer than unpaidFor, confirmed and
// overdue by more than overdueBy, or owing a void for longer than unpaidFor. Those that wait longest come first, and no
// kind keeps another one out.
func (d *DB) Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error) {
	unpaid, overdue := now.Add(-unpaidFor).UnixMilli(), now.Add(-overdueBy).UnixMilli()
	kinds := []struct {
		query  string
		before int64
	}{
		{stuckUnpaid, unpaid}, {stuckOverdue, overdue}, {stuckVoids, unpaid},
	}
	found := make([][]string, len(kinds))
	err := d.call(ctx, "find stuck orders", callTimeout, func(ctx context.Context) (err error) {
		for i, kind := range kinds {
			found[i], err = rows(ctx, d.system, kind.query, []any{kind.before, limit}, func(scan scan, id *string) error { return scan(id) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return interleave(found, limit), err
}

func interleave(lists [][]string, limit int) (all []string) {
	for i := 0; ; i++ {
		more := false
		for _, list := range lists {
			if i >= len(list) {
				continue
			}
			if len(all) == limit {
				return all
			}
			all, more = append(all, list[i]), true
		}
		if !more {
			return all
		}
	}
}
