package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect holds the differences between the two databases, apart from the types in migrations. Its fields are SQL.
type Dialect struct {
	Name string // "sqlite" or "postgres"
	// IndexedBy formats the name of an index into a clause that makes a query use it. Empty where the planner does.
	IndexedBy string
	// SkipLocked makes a SELECT lock its rows and skip rows that other transactions have locked.
	SkipLocked string
	// ThisTx is the number of the current transaction. All transactions below Settled have ended. On the same server no
	// statement sees rows of transactions from Unseen on.
	ThisTx, Settled, Unseen string

	// jsonList formats an argument with a JSON list into a table with the column "value".
	jsonList string
	// limitTx limits on the server how long the current transaction may be idle. A replica that freezes within a transaction
	// would block the event log. It is not set for the session, because poolers share sessions.
	limitTx string
	// lockKey locks the key with the hash $1 until the end of the transaction. Empty where all writers are serial anyway.
	lockKey string
	// lockMigrations does the same for migrations.
	lockMigrations string
	// isConnectionError reports whether an error means that the database is unreachable or overloaded, not that it refused
	// the statement.
	isConnectionError func(error) bool
}

// SQLite is the dialect of SQLite. It has one writer, so all transactions have the number 0.
var SQLite = Dialect{
	Name:      "sqlite",
	jsonList:  `json_each(%s)`,
	IndexedBy: ` INDEXED BY %s`, // without statistics SQLite may prefer an index on a status to one on a customer
	ThisTx:    `0`,
	Settled:   `1`,
	Unseen:    `1`,
	isConnectionError: func(err error) bool {
		var refused *sqlite.Error
		if !errors.As(err, &refused) {
			return false
		}
		switch refused.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	},
}

// Postgres is the dialect of PostgreSQL.
var Postgres = Dialect{
	Name:           "postgres",
	jsonList:       `json_array_elements_text(CAST(%s AS JSON))`,
	SkipLocked:     ` FOR UPDATE SKIP LOCKED`,
	ThisTx:         `CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)`,
	Settled:        `CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)`,
	Unseen:         `CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)`,
	limitTx:        `SET LOCAL idle_in_transaction_session_timeout = '10s'`,
	lockKey:        `SELECT pg_advisory_xact_lock($1)`,
	lockMigrations: `SELECT pg_advisory_xact_lock(7310579606427365731)`, // an arbitrary number
	isConnectionError: func(err error) bool {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			return true // the error does not come from the server
		}
		switch refused.Code[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, not ready, shutdown or timeout, system
			return true
		}
		return refused.Code == "25006" // read-only: a standby before its promotion
	},
}

// JSONList formats an argument with a JSON list into a table with the column "value".
func (d Dialect) JSONList(argument string) string { return fmt.Sprintf(d.jsonList, argument) }

// Lock locks a key until the end of the transaction. On PostgreSQL a transaction gets its number at its first write: when
// writers of a key lock it before, their numbers ascend in the order of their commits.
func (d Dialect) Lock(ctx context.Context, tx *sql.Tx, key string) error {
	if d.lockKey == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, d.lockKey, d.LockKey(key))
	return err
}

// IsLockTimeout reports whether a statement waited for a lock longer than PostgreSQL's lock_timeout.
func IsLockTimeout(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55P03" // lock_not_available
}

// LockKey returns the number by which Lock locks a key.
func (Dialect) LockKey(key string) int64 {
	hash := fnv.New64a()
	hash.Write([]byte(key))
	return int64(hash.Sum64())
}
