// Package actorstore reads the order actors' states from the database of Dapr's state store. Dapr's own API finds a state by
// its id only, so it can't tell which orders exist. The package changes nothing there, and knows the tables of the components
// state.sqlite and state.postgresql (v2).
package actorstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/orderdb"
)

const (
	appPrefix = "orders-actor||" // of all keys: the app's id in Dapr
	// prefix is what the keys of orders' states begin with: it has the actor's type, too.
	prefix = appPrefix + orderactor.Type + "||"
)

// Where the identity of the order database is in the state store.
const (
	Component   = "statestore" // the component's name in Dapr
	IdentityKey = "order-database"
)

// Store is the state store's database. Its methods may be called at the same time.
type Store struct {
	db       *sql.DB
	postgres bool
}

// Entry is one order's state, or why it can't be read.
type Entry struct {
	Key   string // Dapr's
	State order.State
	Err   error
}

// Open opens the database at dsn, which is a postgres:// URL or the path of an SQLite file. A file that doesn't exist is an
// error that wraps fs.ErrNotExist. PostgreSQL is dialled by the first call.
func Open(dsn string) (*Store, error) {
	if err := orderdb.CheckDSN(dsn); err != nil {
		return nil, fmt.Errorf("open the state store: the DSN %w", err)
	}
	if orderdb.IsPostgres(dsn) {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, errors.New("open the state store: the DSN isn't a valid PostgreSQL URL") // err may quote the password
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // poolers don't keep prepared statements
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(1)
		return &Store{db: db, postgres: true}, nil
	}
	path := strings.TrimPrefix(dsn, "file:")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the state store: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(20000)")
	if err != nil {
		return nil, fmt.Errorf("open the state store: %w", err)
	}
	return &Store{db: db}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

// Holds reports whether there is any order's state. Before Dapr has made its table there is none.
func (s *Store) Holds(ctx context.Context) (bool, error) {
	if made, err := s.made(ctx); err != nil || !made {
		return false, err
	}
	_, next, err := s.Page(ctx, "", 1)
	return next != "", err
}

// Identity returns the identity of the order database that belongs to this state store, or false when it knows none yet.
func (s *Store) Identity(ctx context.Context) (i orderdb.Identity, found bool, err error) {
	if made, err := s.made(ctx); err != nil || !made {
		return i, false, err
	}
	query := `SELECT value, is_binary FROM state WHERE key = $1`
	if s.postgres {
		query = `SELECT value, false FROM state WHERE key = $1`
	}
	var value []byte
	var binary bool
	err = s.db.QueryRowContext(ctx, query, appPrefix+IdentityKey).Scan(&value, &binary)
	if errors.Is(err, sql.ErrNoRows) {
		return i, false, nil
	}
	if err == nil {
		err = decode(value, binary, &i)
	}
	return i, err == nil, wrap(err)
}

// made reports whether Dapr has made its table.
func (s *Store) made(ctx context.Context) (bool, error) {
	query := `SELECT count(*) FROM sqlite_master WHERE name = 'state'`
	if s.postgres {
		query = `SELECT count(*) FROM pg_class WHERE oid = to_regclass('state')`
	}
	var tables int
	err := s.db.QueryRowContext(ctx, query).Scan(&tables)
	return tables > 0, wrap(err)
}

// Page returns up to limit states whose keys follow the key after, in the order of their keys, and the last key; the next
// page follows that. It is empty after the last state.
func (s *Store) Page(ctx context.Context, after string, limit int) (entries []Entry, last string, err error) {
	// SQLite compares bytes, so the orders' keys are one range of its index. PostgreSQL compares in the database's own
	// collation, in which they need not be: there the whole index is walked.
	query := `SELECT key, value, is_binary FROM state WHERE key > $1 AND key >= $3 AND key < $4 ORDER BY key LIMIT $2`
	args := []any{after, limit, prefix, prefix[:len(prefix)-1] + "}"} // "}" follows "|"
	if s.postgres {
		query = `SELECT key, value, false FROM state WHERE key > $1 AND starts_with(key, $3) ORDER BY key LIMIT $2`
		args = args[:3]
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		var value []byte
		var binary bool
		if err := rows.Scan(&e.Key, &value, &binary); err != nil {
			return nil, "", wrap(err)
		}
		last = e.Key
		if e.Err = decode(value, binary, &e.State); e.Err == nil && e.Key != prefix+e.State.ID+"||"+orderactor.StateKey {
			e.Err = fmt.Errorf("it holds the state of order %q", e.State.ID)
		}
		entries = append(entries, e)
	}
	return entries, last, wrap(rows.Err())
}

func decode(value []byte, binary bool, into any) error {
	saved, err := Saved(value, binary)
	if err != nil {
		return err
	}
	return json.Unmarshal(saved, into)
}

// Saved returns the bytes that an app saved, out of the columns value and is_binary of Dapr's table. Dapr writes bytes as
// base64 in SQLite, and as a JSON string of base64 where it took them for a value.
func Saved(value []byte, binary bool) (_ []byte, err error) {
	if binary {
		if value, err = base64.StdEncoding.DecodeString(string(value)); err != nil {
			return nil, err
		}
	}
	if len(value) > 0 && value[0] == '"' {
		var inner []byte
		if err := json.Unmarshal(value, &inner); err != nil {
			return nil, err
		}
		value = inner
	}
	return value, nil
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("read the state store: %w", err)
	}
	return nil
}
