package orderdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

// maxGroupWords is the number of search words of a version in a group. One with more would delay the others.
const maxGroupWords = 500

// errAlone means that a version was not stored with its group, and must be put in a transaction of its own.
var errAlone = errors.New("put alone")

// storeGroup stores versions of different orders in one transaction. It stores what needs no look at the stored order: a first
// version of an unknown order, and a version above the stored one. For the others it returns errAlone.
func (d *DB) storeGroup(ctx context.Context, versions []*version) ([]error, error) {
	store := d.storeSQLite
	if d.db.Name == "postgres" {
		store = d.storePostgres
	}
	stored, err := store(ctx, versions)
	// When a lock was held or a version was refused, none is stored. The others must not fail with it.
	alone := sqldb.IsLockTimeout(err) || len(versions) > 1 && ctx.Err() == nil && !d.db.IsUnavailable(err)
	if err != nil && !alone {
		return nil, err
	}
	results := make([]error, len(versions))
	for i, v := range versions {
		if !stored[v.ID] {
			results[i] = errAlone
		}
	}
	return results, nil
}

// storeSQLite returns the ids of the stored versions.
func (d *DB) storeSQLite(ctx context.Context, versions []*version) (map[string]bool, error) {
	stored := make(map[string]bool, len(versions))
	err := d.db.Transact(ctx, func(tx *sql.Tx) error {
		for _, v := range versions {
			var err error
			if stored[v.ID], err = d.storeNewer(ctx, tx, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// storeNewer reports whether it stored the version.
func (d *DB) storeNewer(ctx context.Context, tx *sql.Tx, v *version) (bool, error) {
	var stored bool
	var err error
	if v.Version == 1 {
		stored, err = d.insert(ctx, tx, v)
	} else {
		stored, err = d.update(ctx, tx, updateOlderOrder, v)
	}
	if err != nil || !stored {
		return false, err
	}
	return true, d.logEvent(ctx, tx, v)
}

// storeGroupSQL stores a group in one statement. $1 to $12 are arrays with one element per version, $13 is the version of the
// words, $14 the current time, and $15 to $17 are arrays with one element per search word.
func storeGroupSQL(thisTx string) string {
	return `
	WITH new AS MATERIALIZED (
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
			$9::boolean[], $10::text[], $11::text[], $12::text[])
		AS new (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, state, document)
	), inserted AS (
		INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, words_version, state)
		SELECT id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, $13, state::json FROM new
		WHERE version = 1 ON CONFLICT (id) DO NOTHING RETURNING id
	), updated AS (
		UPDATE orders SET status = new.status, version = new.version, updated_at = new.updated_at, deliver_at = new.deliver_at,
			void_owed = new.void_owed, state = new.state::json
		FROM new WHERE orders.id = new.id AND new.version > 1 AND orders.version < new.version RETURNING orders.id
	), stored AS (
		SELECT id FROM inserted UNION ALL SELECT id FROM updated
	), logged AS (
		INSERT INTO order_events (tx, at, customer, document)
		SELECT ` + thisTx + `, $14, new.customer, new.document::json FROM new JOIN stored USING (id)
	), searchable AS (
		INSERT INTO order_words (word, order_id, customer)
		SELECT found.word, found.id, found.customer FROM unnest($15::text[], $16::text[], $17::text[]) AS found (word, id, customer)
		JOIN inserted USING (id)
	)
	SELECT id FROM stored`
}

// lockTimeout is how long a group waits for an order that another replica is writing.
const lockTimeout = "100ms"

// storePostgres sends all statements at once. Without BEGIN and COMMIT they are one transaction, see "Pipelining" in chapter
// "Message Flow" of PostgreSQL's manual.
func (d *DB) storePostgres(ctx context.Context, versions []*version) (map[string]bool, error) {
	keys := make([]int64, len(versions))
	for i, v := range versions {
		keys[i] = d.db.LockKey(v.ID)
	}
	slices.Sort(keys) // all replicas lock in the same sequence, so they cannot block each other
	batch := &pgx.Batch{}
	batch.Queue(`SELECT set_config('lock_timeout', $1, true)`, lockTimeout)
	batch.Queue(`SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key`, keys)
	batch.Queue(d.sql.storeGroup, d.groupArgs(versions)...)

	var ids []string
	conn, err := d.db.Write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	err = conn.Raw(func(driver any) error {
		sent := driver.(*stdlib.Conn).Conn().SendBatch(ctx, batch)
		for range batch.Len() - 1 {
			if _, err := sent.Exec(); err != nil {
				return errors.Join(err, sent.Close())
			}
		}
		rows, err := sent.Query()
		if err == nil {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return cmp.Or(err, sent.Close())
	})
	if err = cmp.Or(err, conn.Close()); err != nil {
		return nil, fmt.Errorf("store group: %w", err)
	}
	stored := make(map[string]bool, len(ids))
	for _, id := range ids {
		stored[id] = true
	}
	return stored, nil
}

func (d *DB) groupArgs(versions []*version) []any {
	n := len(versions)
	var (
		id, customer, status, joined, state, document = make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		number, total, created, updated               = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
		deliver                                       = make([]*int64, n)
		voidOwed                                      = make([]bool, n)
		word, wordOrder                               []string
		wordCustomer                                  []*string
	)
	for i, v := range versions {
		id[i], customer[i], status[i], state[i], document[i] = v.ID, v.Customer, string(v.Status), v.state, v.document
		joined[i] = words.Join(slices.Concat(v.own, v.ofCustomer))
		number[i], total[i], created[i], updated[i] = int64(v.Version), v.Total, v.CreatedAt.UnixMilli(), v.UpdatedAt.UnixMilli()
		voidOwed[i] = v.VoidPending
		if v.DeliverAt != nil {
			deliver[i] = new(v.DeliverAt.UnixMilli())
		}
		for _, w := range v.own {
			word, wordOrder, wordCustomer = append(word, w), append(wordOrder, v.ID), append(wordCustomer, &v.Customer)
		}
		for _, w := range v.ofCustomer {
			word, wordOrder, wordCustomer = append(word, w), append(wordOrder, v.ID), append(wordCustomer, nil)
		}
	}
	return []any{
		id, customer, status, number, total, created, updated, deliver, voidOwed, joined, state, document,
		words.Version, d.clock().UnixMilli(), word, wordOrder, wordCustomer,
	}
}
