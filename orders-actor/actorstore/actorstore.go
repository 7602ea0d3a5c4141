// Package actorstore checks that the order database belongs to Dapr's state store, lets an operator accept another one, and
// rebuilds it from the actors' states.
//
// A Store reads the states of all orders from the database behind the state store, because Dapr's API loads a state by its
// id only and cannot list them. It never writes to it, and supports the tables of the components state.sqlite and
// state.postgresql (v2).
package actorstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
)

const (
	appPrefix = "orders-actor||" // of all keys: the Dapr app id
	// prefix is the prefix of the keys of all order states: app id and actor type.
	prefix = appPrefix + orderactor.Type + "||"
)

// The location of the order database's identity in the state store.
const (
	Component   = "statestore" // name of the Dapr component
	IdentityKey = "order-database"
)

// Store is the database behind the state store. Its methods may be called concurrently.
type Store struct {
	db       *sql.DB
	postgres bool
}

// Entry is the state of one order, or the error of reading it.
type Entry struct {
	Key   string // in Dapr's table
	State order.State
	Err   error
}

// Open opens the database at dsn: a postgres:// URL, or the path of an SQLite file. If the file does not exist, the error
// wraps fs.ErrNotExist. PostgreSQL is dialled by the first call.
func Open(dsn string) (*Store, error) {
	db, err := sqldb.OpenReader(dsn)
	if err != nil {
		return nil, fmt.Errorf("open the state store: %w", err)
	}
	return &Store{db: db, postgres: sqldb.IsPostgres(dsn)}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

// Holds reports whether the state store has any order.
func (s *Store) Holds(ctx context.Context) (bool, error) {
	if exists, err := s.tableExists(ctx); err != nil || !exists {
		return false, err
	}
	_, next, err := s.Page(ctx, "", 1)
	return next != "", err
}

// Identity returns the identity of the order database that belongs to this state store, or false if it has none yet.
func (s *Store) Identity(ctx context.Context) (i orderdb.Identity, found bool, err error) {
	value, err := s.value(ctx, appPrefix+IdentityKey)
	if errors.Is(err, sql.ErrNoRows) {
		return i, false, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &i)
	}
	return i, err == nil, wrap(err)
}

// value returns the value of a key as the app saved it, or sql.ErrNoRows.
func (s *Store) value(ctx context.Context, key string) ([]byte, error) {
	if exists, err := s.tableExists(ctx); err != nil {
		return nil, err
	} else if !exists {
		return nil, sql.ErrNoRows
	}
	query := `SELECT value, is_binary FROM state WHERE key = $1`
	if s.postgres {
		query = `SELECT value, false FROM state WHERE key = $1`
	}
	var value []byte
	var binary bool
	if err := s.db.QueryRowContext(ctx, query, key).Scan(&value, &binary); err != nil {
		return nil, err
	}
	return Saved(value, binary)
}

// tableExists reports whether Dapr has created its table.
func (s *Store) tableExists(ctx context.Context) (bool, error) {
	query := `SELECT count(*) FROM sqlite_master WHERE name = 'state'`
	if s.postgres {
		query = `SELECT count(*) FROM pg_class WHERE oid = to_regclass('state')`
	}
	var tables int
	err := s.db.QueryRowContext(ctx, query).Scan(&tables)
	return tables > 0, wrap(err)
}

// Page returns up to limit states with keys after the given one, sorted by key, and the last key, from which the next page
// continues. last is empty after the last state.
func (s *Store) Page(ctx context.Context, after string, limit int) (entries []Entry, last string, err error) {
	// SQLite compares bytes, so the keys of orders are one range of its index. PostgreSQL compares by the collation of the
	// database, where they may not be: the query scans the whole index.
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
			e.Err = fmt.Errorf("the entry has the state of order %q", e.State.ID)
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

// Saved returns the bytes that an app has saved, from the columns value and is_binary of Dapr's table. Dapr stores them as
// base64 in SQLite, and as a JSON string of base64 if it treated them as a JSON value.
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
