package stores

import (
	"cmp"
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
	"orders/payments-svc/payment"
)

// Actors returns the states of all actors.
func (r Reader) Actors(ctx context.Context) (_ map[string]order.State, err error) {
	store, err := actorstore.Open(cmp.Or(r.DSN, filepath.Join(r.Home, "statestore.db")))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	states := map[string]order.State{}
	for after := ""; ; {
		entries, last, err := store.Page(ctx, after, 1_000)
		if err != nil || last == "" {
			return states, err
		}
		for _, e := range entries {
			if e.Err != nil {
				return nil, fmt.Errorf("%s: %w", e.Key, e.Err)
			}
			states[e.State.ID] = e.State
		}
		after = last
	}
}

// Ledger returns the entries of the ledger.
func (r Reader) Ledger(ctx context.Context) (_ map[string]history.Payment, err error) {
	driver, dsn, query := "pgx", r.DSN, "SELECT key, value, false FROM ledger_state"
	if r.DSN == "" {
		driver, dsn = "sqlite", "file:"+filepath.Join(r.Home, "ledger.db")+"?mode=ro&_pragma=busy_timeout(20000)"
		query = "SELECT key, value, is_binary FROM state"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	payments := map[string]history.Payment{}
	for rows.Next() {
		var key string
		var value []byte
		var binary bool
		if err := rows.Scan(&key, &value, &binary); err != nil {
			return nil, err
		}
		_, id, isEntry := strings.Cut(key, "||")
		if !isEntry || id == "ledger" { // its identity
			continue
		}
		var p payment.Payment
		value, err := actorstore.Saved(value, binary)
		if err == nil {
			err = json.Unmarshal(value, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %.200s", key, err, value)
		}
		entry := history.Payment{Status: string(p.Status), Amount: p.Amount, Currency: p.Currency}
		for _, e := range p.Entries {
			if e.Kind == payment.EntryCharged {
				entry.Charges++
			}
		}
		payments[id] = entry
	}
	return payments, rows.Err()
}
