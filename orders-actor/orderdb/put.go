package orderdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/group"
	"orders/orders-actor/orderdb/removal"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

// Get returns an order with its history, or ErrNotFound, also if it was removed.
func (d *DB) Get(ctx context.Context, id string) (order.Order, error) {
	s, found, err := d.Find(ctx, id)
	if err == nil && (!found || s.IsRemoved()) {
		err = fmt.Errorf("get order %s: %w", id, ErrNotFound)
	}
	return s.Order, err
}

// Find returns the state of an order, a tombstone if it was removed, or false if there is no such order.
func (d *DB) Find(ctx context.Context, id string) (s order.State, found bool, _ error) {
	err := d.db.Call(ctx, "find order "+id, callTimeout, func(ctx context.Context) (err error) {
		s, err = stored(ctx, d.db.Read, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return order.State{}, false, nil
	}
	return s, err == nil, err
}

// Put stores a version of an order and its event. It returns *order.Conflict with the stored state if the database has a
// newer version, or other content of the same version. The same version again only updates whether a void is pending, and the
// notes of failed payment calls. A tombstone replaces any version. Concurrent calls share transactions.
func (d *DB) Put(ctx context.Context, s order.State) error {
	err := d.db.Call(ctx, "put order "+s.ID, callTimeout, func(ctx context.Context) error {
		v, err := newVersion(s)
		if err != nil {
			return err
		}
		if !s.IsRemoved() && len(v.own)+len(v.ofCustomer) <= maxGroupWords {
			err := d.group.Do(ctx, v)
			if errors.Is(err, group.ErrAborted) {
				return errors.Join(ErrUnavailable, err)
			}
			if !errors.Is(err, errAlone) {
				return err
			}
		}
		return d.db.Transact(ctx, func(tx *sql.Tx) error { return d.put(ctx, tx, v) })
	})
	if err == nil {
		d.wake()
	}
	return err
}

// version is a version of an order, encoded for the tables.
type version struct {
	order.State
	state, document string
	own, ofCustomer []string // search words; empty unless it is the first version
}

func newVersion(s order.State) (*version, error) {
	v := &version{State: s}
	var err error
	if v.state, err = encode(s); err != nil {
		return nil, err
	}
	if v.document, err = encode(s.Summary()); err != nil {
		return nil, err
	}
	if s.Version == 1 {
		v.own, v.ofCustomer = words.OfOrder(s.Order)
	}
	return v, nil
}

func (d *DB) put(ctx context.Context, tx *sql.Tx, v *version) error {
	if err := d.db.Lock(ctx, tx, v.ID); err != nil {
		return err
	}
	before, err := stored(ctx, tx, v.ID)
	switch {
	case v.IsRemoved():
		return removal.Replace(ctx, tx, d.db.Dialect, v.State, v.state)
	case errors.Is(err, ErrNotFound):
		_, err = d.insert(ctx, tx, v)
	case err != nil:
	case before.Version > v.Version:
		return &order.Conflict{Held: before}
	case before.Version == v.Version:
		return d.updateNotes(ctx, tx, before, v)
	default:
		_, err = d.update(ctx, tx, updateOlderOrder, v)
	}
	if err != nil {
		return err
	}
	return d.logEvent(ctx, tx, v)
}

// Restore stores those of the states that are missing or have a newer version than the stored one, in one transaction, and
// returns their number. It may be repeated, and run at the same time as turns.
func (d *DB) Restore(ctx context.Context, states []order.State) (restored int, _ error) {
	err := d.db.Call(ctx, "restore orders", pageTimeout, func(ctx context.Context) error {
		return d.db.Transact(ctx, func(tx *sql.Tx) error {
			for _, s := range states {
				if err := d.db.Lock(ctx, tx, s.ID); err != nil {
					return err
				}
				before, err := stored(ctx, tx, s.ID)
				switch {
				case err == nil && before.Version >= s.Version:
					continue // the stored notes may be newer too
				case err != nil && !errors.Is(err, ErrNotFound):
					return err
				}
				v, err := newVersion(s)
				if err != nil {
					return err
				}
				if err := d.put(ctx, tx, v); err != nil {
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

// Empty reports whether there are no orders.
func (d *DB) Empty(ctx context.Context) (bool, error) {
	err := d.db.Call(ctx, "check for orders", callTimeout, func(ctx context.Context) error {
		var id string
		return d.db.System.QueryRowContext(ctx, `SELECT id FROM orders LIMIT 1`).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}

func stored(ctx context.Context, q sqldb.Querier, id string) (order.State, error) {
	var data []byte
	err := q.QueryRowContext(ctx, `SELECT state FROM orders WHERE id = $1`, id).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return order.State{}, err
	}
	return order.Decode(data)
}

const (
	insertOrder = `
		INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, words_version, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`
	// updateOrder does not write what never changes: the customer, the items, and so the words.
	updateOrder = `
		UPDATE orders SET status = $2, version = $3, updated_at = $4, deliver_at = $5, void_owed = $6, state = $7 WHERE id = $1`
	updateOlderOrder = updateOrder + ` AND version < $3`
)

// putSQL are the statements of puts that differ between the databases.
type putSQL struct{ insertEvent, insertWords, storeGroup string }

func newPutSQL(d sqldb.Dialect) putSQL {
	return putSQL{
		insertEvent: `INSERT INTO order_events (tx, at, customer, document) VALUES (` + d.ThisTx + `, $1, $2, $3)`,
		insertWords: `INSERT INTO order_words (word, order_id, customer)
			SELECT value, CAST($2 AS TEXT), CAST($3 AS TEXT) FROM ` + d.JSONList("$1") + ` AS own
			UNION ALL SELECT value, CAST($2 AS TEXT), CAST(NULL AS TEXT) FROM ` + d.JSONList("$4") + ` AS of_customer`,
		storeGroup: storeGroupSQL(d.ThisTx),
	}
}

// insert reports false, and does nothing, if the order is stored already.
func (d *DB) insert(ctx context.Context, tx *sql.Tx, v *version) (bool, error) {
	own, ofCustomer := v.own, v.ofCustomer
	if v.Version > 1 {
		own, ofCustomer = words.OfOrder(v.Order)
	}
	inserted, err := sqldb.Changed(d.db.Exec(ctx, tx, insertOrder,
		v.ID, v.Customer, string(v.Status), v.Version, v.Total, v.CreatedAt.UnixMilli(), v.UpdatedAt.UnixMilli(), millis(v.DeliverAt),
		v.VoidPending, words.Join(slices.Concat(own, ofCustomer)), words.Version, v.state))
	if err != nil || !inserted {
		return false, err
	}
	return true, d.insertWords(ctx, tx, v.Order, own, ofCustomer)
}

// update reports false, and does nothing, if the stored version does not satisfy the query.
func (d *DB) update(ctx context.Context, tx *sql.Tx, query string, v *version) (bool, error) {
	return sqldb.Changed(d.db.Exec(ctx, tx, query,
		v.ID, string(v.Status), v.Version, v.UpdatedAt.UnixMilli(), millis(v.DeliverAt), v.VoidPending, v.state))
}

// updateNotes stores the notes of the same version, unless the stored ones are newer.
func (d *DB) updateNotes(ctx context.Context, tx *sql.Tx, before order.State, v *version) error {
	same, err := order.SameVersion(before, v.State)
	switch {
	case err != nil:
		return err
	case !same:
		return &order.Conflict{Held: before}
	case before.VoidPending == v.VoidPending && before.Payment.Attempts >= v.Payment.Attempts:
		return nil
	default:
		_, err := d.update(ctx, tx, updateOrder, v)
		return err
	}
}

func (d *DB) logEvent(ctx context.Context, tx *sql.Tx, v *version) error {
	_, err := d.db.Exec(ctx, tx, d.sql.insertEvent, d.clock().UnixMilli(), v.Customer, v.document)
	return err
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

func millis(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}
