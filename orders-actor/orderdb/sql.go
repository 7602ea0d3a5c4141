package orderdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// call bounds what do may take, and tells errors that are the database's absence from all others.
func (d *DB) call(ctx context.Context, what string, timeout time.Duration, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := do(bounded)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled): // the caller gave up: no fault of the database
		return fmt.Errorf("%s: %w", what, context.Canceled)
	case bounded.Err() != nil || d.unavailable(err):
		return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

func (d *DB) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if d.boundTx != "" {
		if _, err := tx.ExecContext(ctx, d.boundTx); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // err says more
		return err
	}
	return tx.Commit()
}

type scan = func(...any) error

// rows collects what a query finds.
func rows[T any](ctx context.Context, db querier, query string, args []any, read func(scan, *T) error) ([]T, error) {
	found, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []T
	for found.Next() {
		var one T
		if err := read(found.Scan, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, found.Err()
}

// document is a column that holds JSON.
type document struct{ v any }

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	data, err := json.Marshal(d.v)
	return string(data), err
}

// Scan implements sql.Scanner. NULL leaves the value as it is.
func (d document) Scan(src any) error {
	switch data := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(data), d.v)
	case []byte:
		return json.Unmarshal(data, d.v)
	default:
		return fmt.Errorf("a document in a column of type %T", src)
	}
}

func millis(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}
