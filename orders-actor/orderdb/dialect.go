package orderdb

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

// dialect is all that differs between the two databases, apart from the types in their migrations.
type dialect struct {
	migrations string
	// jsonList makes rows with a column "value" of the JSON list in the argument that it formats.
	jsonList string
	// indexedBy makes a query read a table by the index that it formats, where the database wouldn't.
	indexedBy string
	// skipLocked makes a SELECT of a transaction lock its rows, and leave out those that others have locked.
	skipLocked string
	// thisTx is the number of the transaction that writes; settled bounds those whose outcome everybody can see: each
	// one below it has ended. See feed.go. No transaction whose rows a statement can see has the number unseen, or a higher
	// one, on the server that gave it.
	thisTx, settled, unseen string
	// boundTx bounds on the server how long a transaction may be idle: one that nobody ends, because its replica froze,
	// would hold up everybody's feed. It holds for the transaction only, because poolers share sessions.
	boundTx string
	// lockOrder makes a transaction the only one that writes the order with the hash $1. Without it all writers wait for
	// each other anyway.
	lockOrder string
	// lockMigrations does the same for migrating.
	lockMigrations string
	// gone says whether an error means that the database is away or too busy, rather than that it refused.
	gone func(error) bool
}

var onSQLite = dialect{
	migrations: "sqlite",
	jsonList:   `json_each(%s)`,
	indexedBy:  ` INDEXED BY %s`, // without statistics it takes any index on a status for as good as one on a customer
	thisTx:     `0`,
	settled:    `1`,
	unseen:     `1`,
	gone: func(err error) bool {
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

var onPostgres = dialect{
	migrations: "postgres",
	jsonList:   `json_array_elements_text(CAST(%s AS JSON))`,
	skipLocked: ` FOR UPDATE SKIP LOCKED`,
	// Locking before the first write also gives the number of an order's later version to the later transaction.
	thisTx:         `CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)`,
	settled:        `CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)`,
	unseen:         `CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)`,
	boundTx:        `SET LOCAL idle_in_transaction_session_timeout = '10s'`,
	lockOrder:      `SELECT pg_advisory_xact_lock($1)`,
	lockMigrations: `SELECT pg_advisory_xact_lock(7310579606427365731)`, // any number that nobody else takes
	gone: func(err error) bool {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			return true // what the server didn't say is the connection's
		}
		switch refused.Code[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, not ready, shutdown or timeout, system
			return true
		}
		return refused.Code == "25006" // read-only: a standby that is about to take over
	},
}

// unavailable is gone, without what this package says itself.
func (d *DB) unavailable(err error) bool {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return !ours(err) && d.gone(err)
}

func (d *DB) list(argument string) string { return fmt.Sprintf(d.jsonList, argument) }

func (d *DB) lock(ctx context.Context, tx *sql.Tx, id string) error {
	if d.lockOrder == "" {
		return nil
	}
	hash := fnv.New64a()
	hash.Write([]byte(id))
	_, err := tx.ExecContext(ctx, d.lockOrder, int64(hash.Sum64()))
	return err
}
