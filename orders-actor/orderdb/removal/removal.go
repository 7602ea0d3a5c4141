// Package removal removes orders from the order database, and lists those that are to be removed.
//
// A removed order leaves a tombstone: a row of the table of orders with the status order.Removed, in which only the id and the
// time of the removal are set. The row keeps the id used, also for releases that do not know tombstones: they can neither insert the
// order again nor read its state.
package removal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/eventlog"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

const (
	callTimeout  = 5 * time.Second
	eraseTimeout = time.Minute // it reads all events of a customer
)

// Replace replaces an order by its tombstone s, which is encoded in state, and deletes what else is stored of it except for its
// events, see Store.EraseEvents. The caller has locked the order. An earlier tombstone stays.
func Replace(ctx context.Context, tx *sql.Tx, d sqldb.Dialect, s order.State, state string) error {
	var status, found string
	err := tx.QueryRowContext(ctx, `SELECT status, words FROM orders WHERE id = $1`, s.ID).Scan(&status, &found)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if status == string(order.Removed) {
		return nil
	}
	for _, statement := range []struct {
		query string
		args  []any
	}{
		{
			`DELETE FROM order_words WHERE order_id = $2 AND word IN (SELECT value FROM ` + d.JSONList("$1") + ` AS found)`,
			[]any{sqldb.JSON{V: strings.Fields(found)}, s.ID},
		},
		{`DELETE FROM order_findings WHERE order_id = $1`, []any{s.ID}},
		{`DELETE FROM order_repairs WHERE order_id = $1`, []any{s.ID}},
		{`DELETE FROM relay_waiting WHERE order_id = $1`, []any{s.ID}},
		{`DELETE FROM webhook_deliveries WHERE order_id = $1`, []any{s.ID}},
		{
			`INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, void_owed, words, words_version, state)
			VALUES ($1, '', $2, $3, 0, 0, $4, FALSE, '', $5, $6) ON CONFLICT (id) DO UPDATE SET
			customer = excluded.customer, status = excluded.status, version = excluded.version, total = excluded.total,
			created_at = excluded.created_at, updated_at = excluded.updated_at, deliver_at = NULL, void_owed = excluded.void_owed,
			words = excluded.words, words_version = excluded.words_version, state = excluded.state`,
			[]any{s.ID, string(s.Status), s.Version, s.UpdatedAt.UnixMilli(), words.Version, state},
		},
	} {
		if _, err := tx.ExecContext(ctx, statement.query, statement.args...); err != nil {
			return err
		}
	}
	return nil
}

// Store lists the orders that are to be removed. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db} }

// Claim returns up to n orders that became final before a time and have no pending void, none if any replica has claimed orders less
// than interval ago. Successive claims go through all of them, and then begin again with those that are left. An order that cannot
// be decoded is left out, and reported in err after the others.
func (s *Store) Claim(ctx context.Context, now time.Time, interval time.Duration, before time.Time, n int) (states []order.State, err error) {
	var unreadable error
	err = s.db.Call(ctx, "claim orders to remove", callTimeout, func(ctx context.Context) error {
		states, unreadable, err = s.claim(ctx, now, interval, before, n)
		return err
	})
	return states, errors.Join(err, unreadable)
}

// row is an order that may be removed.
type row struct {
	at    int64
	id    string
	state []byte
}

func (s *Store) claim(ctx context.Context, now time.Time, interval time.Duration, before time.Time, n int) ([]order.State, error, error) {
	var claimedAt int64
	var last row
	err := s.db.System.QueryRowContext(ctx, `SELECT claimed_at, final_at, order_id FROM order_removal`).Scan(&claimedAt, &last.at, &last.id)
	if err != nil {
		return nil, nil, err
	}
	if age := now.UnixMilli() - claimedAt; age >= 0 && age < interval.Milliseconds() {
		return nil, nil, nil
	}
	var found []row
	for _, status := range []order.Status{order.Delivered, order.Cancelled} {
		rows, err := sqldb.Rows(ctx, s.db.System, `SELECT updated_at, id, state FROM orders
			WHERE status = $1 AND (updated_at, id) > ($2, $3) AND updated_at < $4 AND NOT void_owed ORDER BY updated_at, id LIMIT $5`,
			[]any{string(status), last.at, last.id, before.UnixMilli(), n}, func(scan sqldb.Scan, r *row) error { return scan(&r.at, &r.id, &r.state) })
		if err != nil {
			return nil, nil, err
		}
		found = append(found, rows...)
	}
	slices.SortFunc(found, func(a, b row) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.id, b.id)) })
	next := row{} // begin again
	if len(found) >= n {
		found = found[:n]
		next = found[n-1]
	}
	var claimed bool
	err = s.db.Transact(ctx, func(tx *sql.Tx) (err error) {
		claimed, err = sqldb.Changed(tx.ExecContext(ctx, `UPDATE order_removal SET claimed_at = $1, final_at = $2, order_id = $3 WHERE claimed_at = $4`,
			now.UnixMilli(), next.at, next.id, claimedAt))
		return err
	})
	if err != nil || !claimed { // another replica was faster
		return nil, nil, err
	}
	states, unreadable := decode(found)
	return states, unreadable, nil
}

func decode(rows []row) (states []order.State, unreadable error) {
	for _, r := range rows {
		s, err := order.Decode(r.state)
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			continue
		}
		states = append(states, s)
	}
	return states, unreadable
}

// Position is a place in the list of a customer's orders with one status.
type Position struct {
	createdAt int64
	id        string
}

// Final returns up to n orders of a customer with a final status and without a pending void, after a position, and the position after
// the last one. Orders that cannot be decoded are left out and reported in err, after the others. It reports false if there were none.
func (s *Store) Final(ctx context.Context, customer string, status order.Status, after Position, n int) (states []order.State, last Position, more bool, err error) {
	var unreadable error
	err = s.db.Call(ctx, "list final orders", callTimeout, func(ctx context.Context) error {
		rows, err := sqldb.Rows(ctx, s.db.System, `SELECT created_at, id, state FROM orders
			WHERE customer = $1 AND status = $2 AND (created_at, id) > ($3, $4) AND NOT void_owed ORDER BY created_at, id LIMIT $5`,
			[]any{customer, string(status), after.createdAt, after.id, n},
			func(scan sqldb.Scan, r *row) error { return scan(&r.at, &r.id, &r.state) })
		if err != nil || len(rows) == 0 {
			return err
		}
		end := rows[len(rows)-1]
		last, more = Position{end.at, end.id}, true
		states, unreadable = decode(rows)
		return nil
	})
	return states, last, more, errors.Join(err, unreadable)
}

// Left returns the number of a customer's orders by status, and up to n of their ids.
func (s *Store) Left(ctx context.Context, customer string, n int) (counts map[order.Status]int, ids []string, err error) {
	counts = map[order.Status]int{}
	err = s.db.Call(ctx, "count orders", callTimeout, func(ctx context.Context) error {
		for _, status := range order.Statuses {
			var count int
			if err := s.db.System.QueryRowContext(ctx, `SELECT count(*) FROM orders WHERE customer = $1 AND status = $2`,
				customer, string(status)).Scan(&count); err != nil {
				return err
			}
			if count > 0 {
				counts[status] = count
			}
		}
		ids, err = sqldb.Rows(ctx, s.db.System, `SELECT id FROM orders WHERE customer = $1 ORDER BY id LIMIT $2`, []any{customer, n},
			func(scan sqldb.Scan, id *string) error { return scan(id) })
		return err
	})
	return counts, ids, err
}

// EraseEvents erases the events of a customer's removed orders. It reads all events of the customer.
func (s *Store) EraseEvents(ctx context.Context, customer string) (erased int64, err error) {
	err = s.db.Call(ctx, "erase events", eraseTimeout, func(ctx context.Context) error {
		erased, err = eventlog.Erase(ctx, s.db, customer)
		return err
	})
	return erased, err
}
