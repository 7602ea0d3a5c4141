// Package sqldb opens a database in SQLite or PostgreSQL, migrates it, and runs calls with a timeout. It knows no order.
//
// Call runs each piece of work. It distinguishes ErrUnavailable, after which a retry may help, from other errors. After
// ErrUnavailable it is unknown whether a write was done.
package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrUnavailable means that the database did not answer in time.
var ErrUnavailable = errors.New("order database unavailable")

// DB is a database. Its methods and its pools may be used concurrently.
type DB struct {
	Dialect
	// Lists is for lists and exports, which may take long. System is for background work and readiness, which must not wait
	// for requests. Read and Write are for all else; on PostgreSQL they are the same pool.
	System, Lists, Read, Write *sql.DB

	isOwnError func(error) bool
	prepared   map[string]*sql.Stmt // filled before the DB is shared
}

// Close closes all connections.
func (d *DB) Close() error {
	var errs []error
	closed := map[*sql.DB]bool{nil: true}
	for _, db := range []*sql.DB{d.System, d.Lists, d.Read, d.Write} {
		if !closed[db] {
			errs = append(errs, db.Close())
			closed[db] = true
		}
	}
	return errors.Join(errs...)
}

// Call runs do with a timeout. It returns context.Canceled if ctx was cancelled, ErrUnavailable if the timeout ended or the
// database is unreachable, and else the error of do, each after what, which names the work.
func (d *DB) Call(ctx context.Context, what string, timeout time.Duration, do func(context.Context) error) (err error) {
	ctx, end := observe(ctx, what)
	defer func() { end(err) }()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = do(limited)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", what, context.Canceled)
	case limited.Err() != nil || d.IsUnavailable(err):
		return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// IsUnavailable reports whether an error means that the database is unreachable or overloaded.
func (d *DB) IsUnavailable(err error) bool {
	switch {
	case errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.Is(err, sql.ErrNoRows) || d.isOwnError(err):
		return false
	}
	return d.isConnectionError(err)
}

// Transact runs do in a transaction, which is rolled back if do returns an error.
func (d *DB) Transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := d.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if d.limitTx != "" {
		if _, err := tx.ExecContext(ctx, d.limitTx); err != nil {
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

// Prepare compiles statements for Exec. Call it before the DB is shared. On PostgreSQL it does nothing, because connection
// poolers do not keep prepared statements.
func (d *DB) Prepare(ctx context.Context, queries ...string) error {
	if d.Name != SQLite.Name {
		return nil
	}
	d.prepared = make(map[string]*sql.Stmt, len(queries))
	for _, query := range queries {
		statement, err := d.Write.PrepareContext(ctx, query) //nolint:sqlclosecheck // closed with the pool
		if err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
		d.prepared[query] = statement
	}
	return nil
}

// Exec runs a statement that writes.
func (d *DB) Exec(ctx context.Context, tx *sql.Tx, query string, args ...any) (sql.Result, error) {
	if statement := d.prepared[query]; statement != nil {
		// Such a statement takes microseconds. To make it cancellable, the driver would start a goroutine for each.
		return tx.StmtContext(ctx, statement).ExecContext(context.WithoutCancel(ctx), args...) //nolint:sqlclosecheck // closed with tx
	}
	return tx.ExecContext(ctx, query, args...)
}

// Changed reports whether a statement has changed a row.
func Changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Scan copies the columns of a row.
type Scan = func(...any) error

// Rows returns all rows of a query, as read by read.
func Rows[T any](ctx context.Context, db Querier, query string, args []any, read func(Scan, *T) error) ([]T, error) {
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

// JSON is a column that holds V as JSON.
type JSON struct{ V any }

// Value implements driver.Valuer.
func (j JSON) Value() (driver.Value, error) {
	data, err := json.Marshal(j.V)
	return string(data), err
}

// Scan implements sql.Scanner. NULL leaves V unchanged.
func (j JSON) Scan(src any) error {
	switch data := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(data), j.V)
	case []byte:
		return json.Unmarshal(data, j.V)
	default:
		return fmt.Errorf("scan JSON: unexpected column type %T", src)
	}
}
