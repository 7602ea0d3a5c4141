package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"orders/faults/history"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
)

// stores reads the tables of Dapr's state stores directly.
type stores struct {
	home string // SQLite files, when dsn is empty
	dsn  string // PostgreSQL
}

// actors returns the states of all actors.
func (s stores) actors(ctx context.Context) (map[string]order.State, error) {
	states := map[string]order.State{}
	err := s.each(ctx, "statestore.db", "state", func(key string, value []byte) error {
		parts := strings.Split(key, "||") // orders-actor||Order||<id>||order
		if len(parts) != 4 || parts[1] != "Order" {
			return nil
		}
		var state order.State
		if err := json.Unmarshal(value, &state); err != nil {
			return err
		}
		states[parts[2]] = state
		return nil
	})
	return states, err
}

// ledger returns the entries of the ledger.
func (s stores) ledger(ctx context.Context) (map[string]history.Payment, error) {
	payments := map[string]history.Payment{}
	err := s.each(ctx, "ledger.db", "ledger_state", func(key string, value []byte) error {
		var entry struct {
			Status   string `json:"status"`
			Amount   int64  `json:"amount"`
			Currency string `json:"currency"`
			Entries  []struct {
				Kind string `json:"kind"`
			} `json:"entries"`
		}
		if err := json.Unmarshal(value, &entry); err != nil {
			return err
		}
		id := key[strings.LastIndex(key, "||")+2:]
		p := history.Payment{Status: entry.Status, Amount: entry.Amount, Currency: entry.Currency}
		for _, e := range entry.Entries {
			if e.Kind == "charged" {
				p.Charges++
			}
		}
		payments[id] = p
		return nil
	})
	return payments, err
}

// each calls do for each entry of a state store.
func (s stores) each(ctx context.Context, file, table string, do func(key string, value []byte) error) (err error) {
	driver, dsn, query := "pgx", s.dsn, "SELECT key, value, false FROM "+table
	if s.dsn == "" {
		driver, dsn = "sqlite", "file:"+filepath.Join(s.home, file)+"?mode=ro&_pragma=busy_timeout(20000)"
		query = "SELECT key, value, is_binary FROM state"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var value []byte
		var binary bool
		if err := rows.Scan(&key, &value, &binary); err != nil {
			return err
		}
		if !strings.Contains(key, "||") {
			continue
		}
		if value, err = actorstore.Saved(value, binary); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := do(key, value); err != nil {
			return fmt.Errorf("%s: %w: %.200s", key, err, value)
		}
	}
	return rows.Err()
}
