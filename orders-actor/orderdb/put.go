package orderdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

// Get returns an order with its history, or ErrNotFound.
func (d *DB) Get(ctx context.Context, id string) (order.Order, error) {
	var s order.State
	err := d.db.Call(ctx, "get order "+id, callTimeout, func(ctx context.Context) (err error) {
		s, err = stored(ctx, d.db.Read, id)
		return err
	})
	return s.Order, err
}

// Find returns the state of an order, or false if there is no such order.
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
// notes of failed payment calls.
func (d *DB) Put(ctx context.Context, s order.State) error {
	err := d.db.Call(ctx, "put order "+s.ID, callTimeout, func(ctx context.Context) error {
		return d.db.Transact(ctx, func(tx *sql.Tx) error { return d.put(ctx, tx, s) })
	})
	if err == nil {
		d.wake()
	}
	return err
}

func (d *DB) put(ctx context.Context, tx *sql.Tx, s order.State) error {
	if err := d.db.Lock(ctx, tx, s.ID); err != nil {
		return err
	}
	before, err := stored(ctx, tx, s.ID)
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
		return updateNotes(ctx, tx, before, s)
	default:
		if err := update(ctx, tx, s); err != nil {
			return err
		}
	}
	return d.logEvent(ctx, tx, s.Order)
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

func stored(ctx context.Context, q sqldb.Querier, id string) (s order.State, _ error) {
	err := q.QueryRowContext(ctx, `SELECT state FROM orders WHERE id = $1`, id).Scan(sqldb.JSON{V: &s})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return s, err
}

func (d *DB) insert(ctx context.Context, tx *sql.Tx, s order.State) error {
	own, ofCustomer := words.OfOrder(s.Order)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, words_version, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.ID, s.Customer, string(s.Status), s.Version, s.Total, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), millis(s.DeliverAt),
		s.VoidPending, joinWords(slices.Concat(own, ofCustomer)), words.Version, sqldb.JSON{V: s})
	if err != nil {
		return err
	}
	return d.insertWords(ctx, tx, s.Order, own, ofCustomer)
}

// update does not write what never changes: the customer, the items, and so the words.
func update(ctx context.Context, tx *sql.Tx, s order.State) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE orders SET status = $2, version = $3, updated_at = $4, deliver_at = $5, void_owed = $6, state = $7 WHERE id = $1`,
		s.ID, string(s.Status), s.Version, s.UpdatedAt.UnixMilli(), millis(s.DeliverAt), s.VoidPending, sqldb.JSON{V: s})
	return err
}

// updateNotes stores the notes of the same version, unless the stored ones are newer.
func updateNotes(ctx context.Context, tx *sql.Tx, before, s order.State) error {
	same, err := equalWithoutNotes(before, s)
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

func equalWithoutNotes(a, b order.State) (bool, error) {
	left, err := json.Marshal(a.WithoutNotes())
	if err != nil {
		return false, err
	}
	right, err := json.Marshal(b.WithoutNotes())
	return string(left) == string(right), err
}

func (d *DB) logEvent(ctx context.Context, tx *sql.Tx, o order.Order) error {
	o.History = nil
	_, err := tx.ExecContext(ctx, `INSERT INTO order_events (tx, at, customer, document) VALUES (`+d.db.ThisTx+`, $1, $2, $3)`,
		d.clock().UnixMilli(), o.Customer, sqldb.JSON{V: o})
	return err
}

func millis(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}
