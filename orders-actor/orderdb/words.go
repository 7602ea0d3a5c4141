package orderdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"orders/kit/retry"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

// Searchable reports whether a text has a letter or digit to search for.
func Searchable(text string) bool { return words.OfQuery(text) != nil }

// insertWords stores the words of the customer's name without a customer: they would find all orders of that customer.
func (d *DB) insertWords(ctx context.Context, tx *sql.Tx, o order.Order, own, ofCustomer []string) error {
	ownList, err := encode(own)
	if err != nil {
		return err
	}
	customerList, err := encode(ofCustomer)
	if err != nil {
		return err
	}
	_, err = d.db.Exec(ctx, tx, d.sql.insertWords, ownList, o.ID, o.Customer, customerList)
	return err
}

const (
	reindexBatch    = 20     // orders per transaction: writers and the feed may wait for one batch
	reindexProgress = 10_000 // orders between two log lines
)

// outdatedWords has the condition of the index orders_outdated_words.
var outdatedWords = fmt.Sprintf(`SELECT id, words, state FROM orders WHERE words_version < %d ORDER BY customer, id LIMIT $1`, words.Version)

// Reindex recomputes search words that another release stored by older rules. It works in small transactions and pauses after
// each for as long as it took. Several replicas may run it at the same time. During an update it must be run again and again,
// because replicas of the previous release write old words.
func (d *DB) Reindex(ctx context.Context, log *slog.Logger) error {
	for total := 0; ; {
		started := time.Now()
		n, err := d.reindexBatch(ctx, log)
		if err != nil {
			return err
		}
		if (total == 0) != (n == 0) || (total+n)/reindexProgress > total/reindexProgress {
			log.InfoContext(ctx, "reindexing search words of an earlier release", "orders", total+n, "done", n == 0)
		}
		if n == 0 {
			return nil
		}
		total += n
		retry.Sleep(ctx, max(time.Since(started), time.Millisecond))
	}
}

// reindexBatch recomputes the words of a few orders, and returns how many.
func (d *DB) reindexBatch(ctx context.Context, log *slog.Logger) (n int, err error) {
	type row struct{ id, words, state string }
	err = d.db.Call(ctx, "reindex search words", callTimeout, func(ctx context.Context) error {
		return d.db.Transact(ctx, func(tx *sql.Tx) error {
			found, err := sqldb.Rows(ctx, tx, outdatedWords+d.db.SkipLocked, []any{reindexBatch}, func(scan sqldb.Scan, o *row) error {
				return scan(&o.id, &o.words, &o.state)
			})
			if err != nil {
				return err
			}
			for _, o := range found {
				if err := d.reindex(ctx, tx, log, o.id, o.words, o.state); err != nil {
					return fmt.Errorf("order %s: %w", o.id, err)
				}
			}
			n = len(found)
			return nil
		})
	})
	return n, err
}

func (d *DB) reindex(ctx context.Context, tx *sql.Tx, log *slog.Logger, id, before, state string) error {
	var o order.Order
	if err := json.Unmarshal([]byte(state), &o); err != nil {
		log.ErrorContext(ctx, "order has an unreadable state and keeps its old search words", "order", id, "error", err)
		_, err := tx.ExecContext(ctx, `UPDATE orders SET words_version = $2 WHERE id = $1`, id, words.Version)
		return err
	}
	own, ofCustomer := words.OfOrder(o)
	_, err := tx.ExecContext(ctx, `DELETE FROM order_words WHERE order_id = $2 AND word IN (SELECT value FROM `+d.db.JSONList("$1")+` AS before)`,
		sqldb.JSON{V: strings.Fields(before)}, id)
	if err != nil {
		return err
	}
	if err := d.insertWords(ctx, tx, o, own, ofCustomer); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE orders SET words = $2, words_version = $3 WHERE id = $1`,
		id, words.Join(slices.Concat(own, ofCustomer)), words.Version)
	return err
}
