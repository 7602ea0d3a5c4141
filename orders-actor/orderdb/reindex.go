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

	"orders/kit/run"
	"orders/orders-actor/order"
)

const (
	reindexEvery    = time.Minute // what replicas of the release before write during an update is renewed this late
	reindexBatch    = 20          // orders per transaction: writers and the feed may wait for one batch
	reindexProgress = 10_000      // orders between two lines in the log
)

var (
	// The condition is that of the index orders_outdated_words.
	outdatedWords      = fmt.Sprintf(`SELECT id, words, state FROM orders WHERE words_version < %d ORDER BY customer, id LIMIT $1`, wordsVersion)
	outdatedOfCustomer = fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM orders WHERE customer = $1 AND words_version < %d)`, wordsVersion)
)

// Reindexer renews the search words of orders that another release wrote by other rules. It works in small transactions
// and rests between them as long as they take. Several replicas may do so at once.
type Reindexer struct {
	db  *DB
	log *slog.Logger
}

// NewReindexer makes the reindexer of a view; one is enough.
func NewReindexer(d *DB, log *slog.Logger) *Reindexer { return &Reindexer{d, log} }

// Run renews words until ctx is done. While the database is away it tries again and again.
func (r *Reindexer) Run(ctx context.Context) error {
	renewed, away := 0, false
	for ctx.Err() == nil {
		begun := time.Now()
		var n int
		err := run.Catch(ctx, r.log, "search words", func() (err error) {
			n, err = r.batch(ctx)
			return err
		})
		pause := time.Since(begun)
		switch {
		case err != nil && ctx.Err() != nil: // given up halfway
		case err != nil:
			if !away {
				r.log.Warn("search words can't be renewed; trying again", "error", err)
			}
			pause = reindexEvery
		case n > 0:
			if renewed == 0 {
				r.log.Info("renewing the search words of orders from an earlier release")
			}
			if (renewed+n)/reindexProgress > renewed/reindexProgress {
				r.log.Info("renewing search words", "orders", renewed+n)
			}
			renewed += n
		default:
			if renewed > 0 {
				r.log.Info("renewed all search words", "orders", renewed)
			}
			renewed, pause = 0, reindexEvery
		}
		away = err != nil
		sleep(ctx, pause)
	}
	return nil
}

// batch renews the words of a few orders, and returns how many.
func (r *Reindexer) batch(ctx context.Context) (n int, err error) {
	type row struct{ id, words, state string }
	err = r.db.call(ctx, "renew search words", callTimeout, func(ctx context.Context) error {
		return r.db.transact(ctx, func(tx *sql.Tx) error {
			found, err := rows(ctx, tx, outdatedWords+r.db.skipLocked, []any{reindexBatch}, func(scan scan, o *row) error {
				return scan(&o.id, &o.words, &o.state)
			})
			if err != nil {
				return err
			}
			for _, o := range found {
				if err := r.renew(ctx, tx, o.id, o.words, o.state); err != nil {
					return fmt.Errorf("order %s: %w", o.id, err)
				}
			}
			n = len(found)
			return nil
		})
	})
	return n, err
}

func (r *Reindexer) renew(ctx context.Context, tx *sql.Tx, id, before, state string) error {
	var o order.Order
	if err := json.Unmarshal([]byte(state), &o); err != nil {
		r.log.Error("an order's state can't be read: it keeps its old search words", "order", id, "error", err)
		_, err := tx.ExecContext(ctx, `UPDATE orders SET words_version = $2 WHERE id = $1`, id, wordsVersion)
		return err
	}
	own, ofCustomer := wordsOf(o)
	_, err := tx.ExecContext(ctx, `DELETE FROM order_words WHERE order_id = $2 AND word IN (SELECT value FROM `+r.db.list("$1")+` AS before)`,
		document{strings.Fields(before)}, id)
	if err != nil {
		return err
	}
	if err := r.db.insertWords(ctx, tx, o, own, ofCustomer); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE orders SET words = $2, words_version = $3 WHERE id = $1`,
		id, searchable(slices.Concat(own, ofCustomer)), wordsVersion)
	return err
}
