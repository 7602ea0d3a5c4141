// Package orderdb is the order database: the newest version of each order, and the event log of all versions, in SQLite for
// one replica or PostgreSQL for several. Open opens it.
//
//   - Put is the arbiter between two hosts that run the same order: it rejects an older version, and other content of the
//     same version, with *order.Conflict.
//   - Put stores a version and its event in one transaction. Each version has one event.
//   - Events, called with one cursor after another, returns each event once, and the events of an order in the order of
//     their versions. It returns ErrCursorExpired when that is no longer possible. See events.go.
//   - The pages of List hold each order that did not change meanwhile exactly once. Reads of lists, exports and counts are
//     limited, whatever the size of the table. See package selection for how.
//   - Each call has a timeout, also without a deadline in ctx. It returns ErrUnavailable while the database is unreachable.
//     Then it is unknown whether a write was done, and a retry is safe.
package orderdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"orders/kit/retry"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/audits"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/eventlog"
	"orders/orders-actor/orderdb/group"
	"orders/orders-actor/orderdb/migrations"
	"orders/orders-actor/orderdb/minutes"
	"orders/orders-actor/orderdb/removal"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/webhooks"
)

var (
	// ErrNotFound means that there is no such order.
	ErrNotFound = errors.New("no such order")
	// ErrBadCursor means that a cursor is invalid or belongs to another list.
	ErrBadCursor = cursors.ErrBad
	// ErrCursorExpired means that events after the cursor were deleted, or that the cursor belongs to another event log.
	ErrCursorExpired = errors.New("cursor expired")
	// ErrUnavailable means that the database did not answer in time.
	ErrUnavailable = sqldb.ErrUnavailable
)

const (
	callTimeout = 5 * time.Second
	pageTimeout = 10 * time.Second // of lists, exports and restores
	openTimeout = 2 * time.Minute  // includes migrations of large tables
)

// DB is an order database. Its methods may be called concurrently.
type DB struct {
	Minutes *minutes.Store
	Audits  *audits.Store
	Removal *removal.Store

	Destinations *destinations.Store
	Webhooks     *webhooks.Store
	*attention.Store

	db      *sqldb.DB
	clock   func() time.Time
	opened  time.Time
	written chan struct{} // see Written
	group   group.Queue[*version]
	sql     putSQL
}

// Open is OpenPool with sqldb.DefaultMaxConns.
func Open(ctx context.Context, dsn string) (*DB, error) {
	return OpenPool(ctx, dsn, sqldb.DefaultMaxConns)
}

// OpenPool opens the order database and migrates its tables. See sqldb.Open for dsn and maxConns. Several replicas may open
// one PostgreSQL at the same time.
func OpenPool(ctx context.Context, dsn string, maxConns int) (*DB, error) {
	db, err := sqldb.Open(dsn, maxConns, isOwnError)
	if err != nil {
		return nil, fmt.Errorf("open order database: %w", err)
	}
	d := &DB{
		Minutes: minutes.NewStore(db), Audits: audits.NewStore(db), Removal: removal.NewStore(db), Store: attention.NewStore(db), db: db, sql: newPutSQL(db.Dialect),
		Destinations: destinations.NewStore(db), Webhooks: webhooks.NewStore(db), clock: time.Now, opened: time.Now(), written: make(chan struct{}, 1),
	}
	d.group.Run, d.group.Key, d.group.Timeout = d.storeGroup, func(v *version) string { return v.ID }, callTimeout
	err = d.db.Call(ctx, "open order database", openTimeout, func(ctx context.Context) (err error) {
		for range 10 {
			// Processes that create an SQLite file at the same time fail with "database is locked", whatever busy_timeout says.
			if err = d.prepare(ctx); err == nil || d.db.Name != sqldb.SQLite.Name || !d.db.IsUnavailable(err) {
				return err
			}
			retry.Sleep(ctx, 50*time.Millisecond)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) prepare(ctx context.Context) error {
	if err := d.db.Transact(ctx, func(tx *sql.Tx) error { return d.migrate(ctx, tx) }); err != nil {
		return err
	}
	return d.db.Prepare(ctx, insertOrder, updateOlderOrder, d.sql.insertEvent, d.sql.insertWords)
}

func (d *DB) migrate(ctx context.Context, tx *sql.Tx) error {
	files, err := fs.Sub(migrations.Files, d.db.Name)
	if err != nil {
		return err
	}
	if err := d.db.Migrate(ctx, tx, files); err != nil {
		return err
	}
	return eventlog.RestartForeign(ctx, tx, d.db.Dialect)
}

// isOwnError reports whether an error was returned by this package or package order, not by the database.
func isOwnError(err error) bool {
	var conflict *order.Conflict
	return errors.As(err, &conflict) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrCursorExpired) || errors.Is(err, ErrBadCursor) ||
		errors.Is(err, order.ErrNewerSchema) || errors.Is(err, destinations.ErrLeaseLost) || errors.Is(err, destinations.ErrDisabled) ||
		errors.Is(err, webhooks.ErrNotFound) || errors.Is(err, webhooks.ErrTooMany)
}

// Close closes all connections.
func (d *DB) Close() error { return d.db.Close() }

// Ready returns an error unless the database can serve requests. It reads a row of each table that requests read, since a
// database with damaged or missing tables still answers a ping.
func (d *DB) Ready(ctx context.Context) error {
	return d.db.Call(ctx, "read order database", callTimeout, func(ctx context.Context) error {
		if _, err := d.head(ctx, d.db.System); err != nil {
			return err
		}
		for _, query := range []string{
			`SELECT id FROM orders ORDER BY id DESC LIMIT 1`,
			`SELECT word FROM order_words LIMIT 1`,
			`SELECT order_id FROM idempotency_keys LIMIT 1`,
		} {
			var text string
			if err := d.db.System.QueryRowContext(ctx, query).Scan(&text); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
}
