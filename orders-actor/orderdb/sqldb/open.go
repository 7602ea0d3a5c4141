package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	connectTimeout  = 5 * time.Second
	connMaxIdleTime = 5 * time.Second // after a burst other replicas need the connections
	systemConns     = 2
	sqliteReaders   = ListConns // of Lists, and of Read
	sqliteMapped    = 1<<31 - 1 // bytes of the file that readers map into memory: they read many small pages
)

const (
	// ListConns is the number of connections for lists with DefaultMaxConns, and on SQLite. Further lists wait.
	ListConns = 4
	// DefaultMaxConns is the default limit of PostgreSQL connections per replica.
	DefaultMaxConns = 10
	// MinMaxConns is the smallest limit: one connection for lists, one for other requests, and two for the system.
	MinMaxConns = systemConns + 2
)

// Open opens a database without connecting to it. The DSN is a postgres:// URL or the path of an SQLite file, which is
// created with its folder if it does not exist. It opens at most maxConns PostgreSQL connections. isOwnError reports the
// errors that the caller's work returns on purpose; Call does not take them for connection errors.
func Open(dsn string, maxConns int, isOwnError func(error) bool) (*DB, error) {
	dsn = strings.TrimSpace(dsn)
	if err := CheckDSN(dsn); err != nil {
		return nil, fmt.Errorf("the DSN %w", err)
	}
	var d *DB
	var err error
	if IsPostgres(dsn) {
		d, err = openPostgres(dsn, max(maxConns, MinMaxConns))
	} else {
		d, err = openSQLite(strings.TrimPrefix(dsn, "file:"))
	}
	if err != nil {
		return nil, err
	}
	d.isOwnError = isOwnError
	return d, nil
}

var (
	schemePattern  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`) // one letter is a drive
	keywordPattern = regexp.MustCompile(`(?i)\b(host|hostaddr|user|password|dbname|sslmode)\s*=`)
)

// IsPostgres reports whether a DSN is a PostgreSQL URL.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// CheckDSN returns why a DSN is invalid. It opens nothing. The error continues a sentence that begins with the name of the
// setting, and quotes at most the scheme of the DSN, since all else may be a part of the password.
func CheckDSN(dsn string) error {
	dsn = strings.TrimSpace(dsn)
	if IsPostgres(dsn) {
		if _, err := pgx.ParseConfig(dsn); err != nil {
			// err may quote the password, taking it for a port or an escape.
			return errors.New("isn't a valid PostgreSQL URL: special characters in the user name and the password must be percent-encoded")
		}
		return nil
	}
	const want = "must be a postgres:// URL or the path of an SQLite file"
	scheme := schemePattern.FindStringSubmatch(dsn)
	switch {
	case scheme != nil && scheme[1] != "file" && strings.HasPrefix(dsn, scheme[0]+"//"):
		return fmt.Errorf("%s, not a URL with the scheme %q", want, scheme[1])
	case scheme != nil && scheme[1] != "file", keywordPattern.MatchString(dsn), hasCredentials(dsn):
		return errors.New(want)
	}
	return nil
}

// hasCredentials reports whether a DSN looks like user:password@host.
func hasCredentials(dsn string) bool {
	before, _, found := strings.Cut(dsn, "@")
	return found && strings.Contains(strings.TrimPrefix(before, "file:"), ":")
}

// openPostgres supports PgBouncer, also in transaction mode: it sends no startup parameters that poolers refuse, no
// settings of the session, and no named prepared statements. Unnamed statements are planned with their arguments, which
// searches need: the best plan depends on the frequency of a word.
func openPostgres(dsn string, maxConns int) (*DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, CheckDSN(dsn)
	}
	config.ConnectTimeout = connectTimeout
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	config.RuntimeParams["application_name"] = "orders-actor view"
	pool := func(conns int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		db.SetConnMaxIdleTime(connMaxIdleTime)
		return db
	}
	lists := listConns(maxConns)
	rest := pool(maxConns - systemConns - lists)
	return &DB{Dialect: Postgres, System: pool(systemConns), Lists: pool(lists), Read: rest, Write: rest}, nil
}

// listConns returns how many of maxConns are for lists and exports: half of those that are not for the system.
func listConns(maxConns int) int { return (maxConns - systemConns) / 2 }

// openSQLite opens one connection for writes, which wait in its pool instead of retrying for the lock of the file, and
// several for reads, which run during writes (WAL).
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
	// Statements that insert several rows keep a journal, which needs no file. A checkpoint copies each changed page once, so
	// with more pages (16 MB) between two of them, pages that change often are copied less often.
	write, err := sql.Open("sqlite", file("temp_store(MEMORY)", "wal_autocheckpoint(4000)"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	d := &DB{Dialect: SQLite, Write: write}
	for pool, conns := range map[**sql.DB]int{&d.System: systemConns, &d.Lists: sqliteReaders, &d.Read: sqliteReaders} {
		if *pool, err = sql.Open("sqlite", file("query_only(true)", fmt.Sprintf("mmap_size(%d)", sqliteMapped))); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		(*pool).SetMaxOpenConns(conns)
		(*pool).SetMaxIdleConns(conns)
	}
	return d, nil
}

// OpenReader opens the database at dsn for programs that only read it: one connection to PostgreSQL, which is dialled by the first
// call, or an SQLite file that is never written to. If the file does not exist, the error wraps fs.ErrNotExist.
func OpenReader(dsn string) (*sql.DB, error) {
	if err := CheckDSN(dsn); err != nil {
		return nil, fmt.Errorf("the DSN %w", err)
	}
	if IsPostgres(dsn) {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, errors.New("the DSN is not a valid PostgreSQL URL") // err may contain the password
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // connection poolers do not keep prepared statements
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(1)
		return db, nil
	}
	path := strings.TrimPrefix(dsn, "file:")
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(20000)")
}

// Migrate runs the *.sql files that this database has not run yet, in the order of their names. Replicas that migrate at
// the same time wait for each other.
//
// Files may be added but not changed, and each must keep the tables usable for the previous release, whose replicas run
// during an update.
func (d *DB) Migrate(ctx context.Context, tx *sql.Tx, files fs.FS) error {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
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
			return fmt.Errorf("run migration %s: %w", name, err)
		}
	}
	return nil
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
