package orderdb

import (
	"database/sql"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/migrations"
	"orders/orders-actor/orderdb/sqldb"
)

// release1 is the release with version 1 of the rules for words.
type release1 struct {
	testing.TB
	sqldb.Dialect
	db *sql.DB
}

func eachRelease1(t *testing.T, test func(t *testing.T, old release1, dsn string)) {
	t.Helper()
	server := pgtest.Start(t)
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "view.db"), "postgres": server.Database(t)} {
		t.Run(name, func(t *testing.T) {
			old := release1{TB: t, Dialect: map[string]sqldb.Dialect{"sqlite": sqldb.SQLite, "postgres": sqldb.Postgres}[name]}
			var err error
			old.db, err = sql.Open(map[string]string{"sqlite": "sqlite", "postgres": "pgx"}[name], dsn)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, old.db.Close()) })
			test(t, old, dsn)
		})
	}
}

// migrate creates the tables of that release.
func (old release1) migrate() {
	old.Helper()
	all, err := fs.Sub(migrations.Files, old.Dialect.Name)
	require.NoError(old, err)
	names, err := fs.Glob(all, "*.sql")
	require.NoError(old, err)
	files := fstest.MapFS{}
	for _, name := range names {
		if name < "0003" {
			text, err := fs.ReadFile(all, name)
			require.NoError(old, err)
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	tx, err := old.db.BeginTx(old.Context(), nil)
	require.NoError(old, err)
	require.NoError(old, (&sqldb.DB{Dialect: old.Dialect}).Migrate(old.Context(), tx, files))
	require.NoError(old, tx.Commit())
}

// put stores an order with the given words and those of its id and customer.
func (old release1) put(id, customer, name string, words ...string) {
	old.Helper()
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	s := order.State{Order: order.Order{
		ID: id, Customer: customer, Status: order.Created, Version: 1, Items: []order.Item{{SKU: "-", Name: name, Quantity: 1, UnitPrice: 100}},
		CreatedAt: at, UpdatedAt: at,
	}}
	words = append([]string{id, customer}, words...)
	old.exec(`
		INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		s.ID, s.Customer, string(s.Status), s.Version, s.Total, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), millis(s.DeliverAt),
		s.VoidPending, " "+strings.Join(words, " "), sqldb.JSON{V: s})
	for _, word := range words {
		old.exec(`INSERT INTO order_words (word, order_id) VALUES ($1, $2)`, word, id)
	}
}

func (old release1) exec(query string, args ...any) {
	old.Helper()
	_, err := old.db.ExecContext(old.Context(), query, args...)
	require.NoError(old, err)
}

func (old release1) count(query string, args ...any) (n int) {
	old.Helper()
	require.NoError(old, old.db.QueryRowContext(old.Context(), query, args...).Scan(&n))
	return n
}

func idsFound(t *testing.T, d *DB, q Query) (ids []string) {
	t.Helper()
	page, err := d.List(t.Context(), q)
	require.NoError(t, err)
	for _, o := range page.Orders {
		ids = append(ids, o.ID)
	}
	return ids
}

func TestOrdersOfEarlierReleaseAreFound(t *testing.T) {
	eachRelease1(t, func(t *testing.T, old release1, dsn string) {
		old.migrate()
		old.put("a1", "alice", "ΣΟΚΟΛΑΤΕΣ (green)", "σοκολατεσ", "green)")
		old.put("b1", "bob", "抹茶ラテ Straße", "抹茶ラテ", "straße")
		d, err := Open(t.Context(), dsn)
		require.NoError(t, err)
		defer func() { require.NoError(t, d.Close()) }()
		// During an update both releases run.
		old.put("a2", "alice", "Green tea", "green", "tea")
		require.NoError(t, d.Put(t.Context(), order.State{Order: order.Order{
			ID: "a3", Customer: "alice", Status: order.Created, Version: 1, Items: []order.Item{{Name: "Greenhouse"}},
		}}))

		for _, customer := range []string{"", "alice"} {
			require.ElementsMatch(t, []string{"a1", "a2", "a3"}, idsFound(t, d, Query{Filter: Filter{Text: "Green", Customer: customer}}), "before, of %q", customer)
		}
		require.Equal(t, 3, old.count(`SELECT count(*) FROM order_words WHERE word >= 'green' AND word <= 'greenz'`), "the earlier release finds new orders")

		var replicas sync.WaitGroup
		for range 2 {
			replicas.Go(func() {
				for n := 1; n > 0; {
					var err error
					if n, err = d.reindexBatch(t.Context(), slog.New(slog.DiscardHandler)); !assert.NoError(t, err) {
						return
					}
				}
			})
		}
		replicas.Wait()
		require.Zero(t, old.count(`SELECT count(*) FROM orders WHERE words_version < 2`))
		for text, want := range map[string][]string{"σοκολατες": {"a1"}, "ラテ strasse": {"b1"}, "green": {"a1", "a2", "a3"}} {
			require.ElementsMatch(t, want, idsFound(t, d, Query{Filter: Filter{Text: text}}), text)
			own := map[bool]string{true: "bob", false: "alice"}[want[0] == "b1"]
			require.ElementsMatch(t, want, idsFound(t, d, Query{Filter: Filter{Text: text, Customer: own}}), text)
			require.Empty(t, idsFound(t, d, Query{Filter: Filter{Text: text, Customer: "carol"}}), text)
		}
		require.Zero(t, old.count(`SELECT count(*) FROM order_words WHERE word IN ('green)', 'straße', '抹茶ラテ')`), "words of version 1 are deleted")
		require.Zero(t, old.count(`SELECT count(*) FROM order_words WHERE customer IS NULL AND word NOT IN ('alice', 'bob')`))
	})
}

func TestReindexSkipsUnreadableOrder(t *testing.T) {
	eachRelease1(t, func(t *testing.T, old release1, dsn string) {
		old.migrate()
		old.put("a1", "alice", "Tea", "tea")
		for i := range reindexBatch {
			old.put("b"+string(rune('a'+i)), "bob", "Straße", "straße")
		}
		old.exec(`UPDATE orders SET state = '{"items":1}' WHERE id = 'a1'`)
		d, err := Open(t.Context(), dsn)
		require.NoError(t, err)
		defer func() { require.NoError(t, d.Close()) }()

		require.NoError(t, d.Reindex(t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil))))
		require.Len(t, idsFound(t, d, Query{Filter: Filter{Text: "strasse"}, Limit: 100}), reindexBatch)
		require.Equal(t, 1, old.count(`SELECT count(*) FROM order_words WHERE word = 'tea'`), "it keeps its words")
	})
}
