package view

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	openTimeout     = 2 * time.Minute // migrations of a large table take their time
	postgresConns   = 20              // per replica
	sqliteReaders   = 4
	sqliteMapped    = 1<<31 - 1 // bytes of the file that readers map rather than read: they follow many small pages
	connMaxIdleTime = 5 * time.Minute
)

//go:embed migrations
var migrations embed.FS

// Open opens the view and brings its tables up to date. The DSN is a postgres:// URL or the path of an SQLite file, which
// is made with its folder if it doesn't exist. Several replicas may open one PostgreSQL at the same moment.
func Open(ctx context.Context, dsn string) (*DB, error) {
	var d *DB
	var err error
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		d, err = openPostgres(dsn)
	} else {
		d, err = openSQLite(strings.TrimPrefix(dsn, "file:"))
	}
	if err != nil {
		return nil, fmt.Errorf("open the view: %w", err)
	}
	if err := d.call(ctx, "open the view", openTimeout, d.migrate); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func newDB(dialect dialect, read, write *sql.DB) *DB {
	return &DB{dialect: dialect, read: read, write: write, clock: time.Now, opened: time.Now(), written: make(chan struct{}, 1)}
}

// openPostgres bounds on the server's side too what a transaction may take: one that nobody ends, because its replica
// froze, would hold up everybody's feed.
func openPostgres(dsn string) (*DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = callTimeout
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	config.RuntimeParams["plan_cache_mode"] = "force_custom_plan" // how to find a word depends on how frequent it is
	config.RuntimeParams["application_name"] = "orders-actor view"
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	db.SetConnMaxIdleTime(connMaxIdleTime)
	return newDB(onPostgres, db, db), nil
}

// openSQLite gives writers one connection, where they wait in line rather than fight for the file's lock, and readers
// some of their own, which a writer doesn't stop (WAL).
func openSQLite(path string) (*DB, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("SQLite needs the path of a file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file := func(pragmas ...string) string {
		query := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)",
		}, pragmas...)}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
	}
	write, err := sql.Open("sqlite", file())
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", file("query_only(true)", fmt.Sprintf("mmap_size(%d)", sqliteMapped)))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	return newDB(onSQLite, read, write), nil
}

// migrate runs the files that this database hasn't seen, in the order of their names, all or none. Files only ever get
// added, and each must leave the tables usable for the release before: its replicas run on during an update.
func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations/"+d.migrations)
	if err != nil {
		return err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	return d.transact(ctx, func(tx *sql.Tx) error {
		if d.lockMigrations != "" {
			if _, err := tx.ExecContext(ctx, d.lockMigrations); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS view_migrations (name TEXT NOT NULL PRIMARY KEY)`); err != nil {
			return err
		}
		for _, name := range names {
			if err := migrateFile(ctx, tx, files, name); err != nil {
				return fmt.Errorf("migration %s: %w", name, err)
			}
		}
		return d.restartForeignLog(ctx, tx)
	})
}

func migrateFile(ctx context.Context, tx *sql.Tx, files fs.FS, name string) error {
	done, err := tx.ExecContext(ctx, `INSERT INTO view_migrations (name) VALUES ($1) ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		return err
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, string(text))
	return err
}
