package orderdb

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
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	openTimeout     = 2 * time.Minute // migrations of a large table take their time
	systemConns     = 2               // for the feed, the reconciler and readiness, which must not wait behind requests
	sqliteReaders   = ListConns       // for lists, and as many for other reads
	sqliteMapped    = 1<<31 - 1       // bytes of the file that readers map rather than read: they follow many small pages
	connMaxIdleTime = 5 * time.Second // a burst's connections go back to the server soon: other replicas need them
)

const (
	// ListConns is how many lists run at once with DefaultMaxConns, and on SQLite; further ones wait.
	ListConns = 4
	// DefaultMaxConns is how many PostgreSQL connections one replica opens at most.
	DefaultMaxConns = 10
	// MinMaxConns leaves one connection for lists, one for everything else that serves requests, and the system's.
	MinMaxConns = systemConns + 2
)

//go:embed migrations
var migrations embed.FS

// Open is OpenPool with DefaultMaxConns.
func Open(ctx context.Context, dsn string) (*DB, error) { return OpenPool(ctx, dsn, DefaultMaxConns) }

// OpenPool opens the view and brings its tables up to date. The DSN is a postgres:// URL or the path of an SQLite file,
// which is made with its folder if it doesn't exist. Several replicas may open one PostgreSQL at the same moment; each
// opens at most maxConns connections.
func OpenPool(ctx context.Context, dsn string, maxConns int) (*DB, error) {
	dsn = strings.TrimSpace(dsn)
	if err := CheckDSN(dsn); err != nil {
		return nil, fmt.Errorf("open the view: the DSN %w", err)
	}
	var d *DB
	var err error
	if IsPostgres(dsn) {
		d, err = openPostgres(dsn, max(maxConns, MinMaxConns))
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

var (
	schemePattern  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`) // one letter would be a drive
	keywordPattern = regexp.MustCompile(`(?i)\b(host|hostaddr|user|password|dbname|sslmode)\s*=`)
)

// IsPostgres reports whether a DSN is a PostgreSQL URL.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// CheckDSN says why a DSN can't be used. It opens nothing. Its errors continue a sentence that begins with the setting's
// name, and quote nothing of the DSN but its scheme: anything else may be a part of the password.
func CheckDSN(dsn string) error {
	dsn = strings.TrimSpace(dsn)
	if IsPostgres(dsn) {
		if _, err := pgx.ParseConfig(dsn); err != nil {
			// err may quote what it takes for the port or an escape, which may be the password.
			return errors.New("isn't a valid PostgreSQL URL: special characters in the user name and the password must be percent-encoded")
		}
		return nil
	}
	const want = "must be a postgres:// URL or the path of an SQLite file"
	scheme := schemePattern.FindStringSubmatch(dsn)
	switch {
	case scheme != nil && scheme[1] != "file" && strings.HasPrefix(dsn, scheme[0]+"//"):
		return fmt.Errorf("%s, not a URL with the scheme %q", want, scheme[1])
	case scheme != nil && scheme[1] != "file", keywordPattern.MatchString(dsn), looksLikeCredentials(dsn):
		return errors.New(want)
	}
	return nil
}

// looksLikeCredentials finds user:password@host.
func looksLikeCredentials(dsn string) bool {
	before, _, found := strings.Cut(dsn, "@")
	return found && strings.Contains(strings.TrimPrefix(before, "file:"), ":")
}

func newDB(dialect dialect, system, lists, read, write *sql.DB) *DB {
	return &DB{dialect: dialect, system: system, lists: lists, read: read, write: write, clock: time.Now, opened: time.Now(), written: make(chan struct{}, 1)}
}

// openPostgres works through PgBouncer as well, also in its transaction mode: it sends no startup parameter that poolers
// refuse, sets nothing for a session, and makes no named prepared statements. The unnamed ones are planned with their
// arguments each time, which searches need: how to find a word depends on how frequent it is.
func openPostgres(dsn string, maxConns int) (*DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, CheckDSN(dsn)
	}
	config.ConnectTimeout = callTimeout
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
	return newDB(onPostgres, pool(systemConns), pool(lists), rest, rest), nil
}

// listConns is how many of maxConns are for lists and exports: half of what requests may use.
func listConns(maxConns int) int { return (maxConns - systemConns) / 2 }

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
	d := newDB(onSQLite, nil, nil, nil, write)
	for pool, conns := range map[**sql.DB]int{&d.system: systemConns, &d.lists: sqliteReaders, &d.read: sqliteReaders} {
		if *pool, err = sql.Open("sqlite", file("query_only(true)", fmt.Sprintf("mmap_size(%d)", sqliteMapped))); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		(*pool).SetMaxOpenConns(conns)
		(*pool).SetMaxIdleConns(conns)
	}
	return d, nil
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
