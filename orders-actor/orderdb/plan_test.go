//go:build !race

// The race detector makes filling the tables 20 times slower, and there are no races to find.

package orderdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/selection"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

const planRows = 1_000_000

// fill creates orders in SQL, numbered by i. Customers, statuses, words and totals are spread over all times, but the orders
// of the discontinued article are the oldest.
func fill(t *testing.T, d *DB) {
	t.Helper()
	shop := fmt.Sprintf(`WITH RECURSIVE numbers (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < %d), shop AS (
		SELECT i, '01999999-0000-7000-8000-' || (100000000000 + i) AS id, 'customer-' || (i %% 100) AS customer,
			CASE i / 100 %% 4 WHEN 0 THEN 'created' WHEN 1 THEN 'confirmed' WHEN 2 THEN 'delivered' ELSE 'cancelled' END AS status,
			CASE WHEN i <= %d THEN 'discontinued' ELSE 'sku-' || (i %% 499) END AS sku,
			CASE WHEN i %% 1000 = 0 THEN 'CHF' WHEN i %% 3 = 0 THEN 'JPY' ELSE 'EUR' END AS currency,
			CASE WHEN i %% 1001 = 0 THEN 'operator' WHEN i %% 3 = 0 THEN 'customer' ELSE 'payment' END AS party,
			CASE WHEN i %% 1000 = 0 THEN 'rare' WHEN i %% 256 = 7 THEN 'some' ELSE 'common' END AS name FROM numbers) `,
		planRows, selection.NarrowLimit+1)
	state := `'{"currency":"' || currency || '","cancellation":{"by":"' || party || '"},"filler":"` + strings.Repeat("x", 600) + `"}'`
	if d.db.Name == sqldb.Postgres.Name {
		state = `CAST(` + state + ` AS JSON)`
	}
	indexes := dropIndexes(t, d)
	for _, statement := range slices.Concat([]string{
		shop + `INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, words_version, state)
			SELECT id, customer, status, 1, (i * 7919) % 100000, i * 1000, i * 1000 + (i * 31) % 5000, i * 1000, i < 0,
			' ' || id || ' ' || customer || ' ' || sku || ' ' || name, ` + strconv.Itoa(words.Version) + `, ` + state + ` FROM shop`,
		shop + `INSERT INTO order_words (word, order_id, customer) SELECT id, id, customer FROM shop UNION ALL SELECT customer, id, NULL FROM shop
			UNION ALL SELECT sku, id, customer FROM shop UNION ALL SELECT name, id, customer FROM shop ORDER BY 1, 2`,
		shop + `INSERT INTO order_findings (order_id, found_at, codes) SELECT id, i, 'actor-older' FROM shop WHERE i % 500 = 0`,
		shop + `INSERT INTO order_events (tx, at, customer, document) SELECT 0, i, customer, '{}' FROM shop`,
	}, indexes) {
		_, err := d.db.Write.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	if d.db.Name == sqldb.Postgres.Name { // as autovacuum does; SQLite has none
		_, err := d.db.Write.ExecContext(t.Context(), `VACUUM ANALYZE`)
		require.NoError(t, err)
	}
}

// dropIndexes returns the statements that create them again, which is faster than to fill them row by row.
func dropIndexes(t *testing.T, d *DB) (definitions []string) {
	t.Helper()
	type index struct{ name, definition string }
	found, err := sqldb.Rows(t.Context(), d.db.Write, map[string]string{
		"sqlite":   `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`,
		"postgres": `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'`,
	}[d.db.Name], nil, func(scan sqldb.Scan, i *index) error { return scan(&i.name, &i.definition) })
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, i := range found {
		_, err := d.db.Write.ExecContext(t.Context(), `DROP INDEX `+i.name)
		require.NoError(t, err)
		definitions = append(definitions, i.definition)
	}
	return definitions
}

// plan returns the query plan of the database, one step per line.
func plan(t *testing.T, d *DB, query string, a selection.Args) string {
	t.Helper()
	if d.db.Name == sqldb.SQLite.Name {
		steps, err := sqldb.Rows(t.Context(), d.db.Read, `EXPLAIN QUERY PLAN `+query, a, func(scan sqldb.Scan, s *string) error {
			var id, parent, unused int
			return scan(&id, &parent, &unused, s)
		})
		require.NoError(t, err)
		return strings.Join(steps, "\n")
	}
	steps, err := sqldb.Rows(t.Context(), d.db.Read, `EXPLAIN `+query, a, func(scan sqldb.Scan, s *string) error { return scan(s) })
	require.NoError(t, err)
	return strings.Join(steps, "\n")
}

// Counts end at their limits and report that.
func testCounts(t *testing.T, d *DB) {
	t.Helper()
	for text, want := range map[string]map[order.Status]int{
		"":         {order.Created: CountLimit, order.Confirmed: CountLimit},
		"customer": {order.Created: selection.RowCountLimit, order.Confirmed: selection.RowCountLimit},
		"rare":     {order.Created: planRows / 2000, order.Delivered: planRows / 2000},
	} {
		page, err := d.List(t.Context(), Query{Filter: Filter{Text: text}})
		require.NoError(t, err)
		require.Subset(t, page.Counts, want, text)
		if text == "rare" {
			require.Empty(t, page.AtLeast, text)
		} else {
			require.ElementsMatch(t, order.Statuses, page.AtLeast, text)
		}
	}
}

// The only matches of a walk are its last orders. Pages before them are empty, and their cursors lead there in few requests.
func testWalk(t *testing.T, d *DB) {
	t.Helper()
	q := Query{Filter: Filter{Text: "discontinued"}, Descending: true, Limit: 500}
	found, empty, pages := 0, 0, 0
	for {
		page, err := d.List(t.Context(), q)
		require.NoError(t, err)
		found += len(page.Orders)
		pages++
		if len(page.Orders) == 0 {
			empty++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	require.Equal(t, selection.NarrowLimit+1, found)
	require.Positive(t, empty)
	require.LessOrEqual(t, pages, planRows/selection.WalkLimit+found/q.Limit+2)
}

// All queries use indexes: none reads a whole table, and none sorts more than a few orders.
func TestPlans(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "view.db"), "postgres": pgtest.Start(t).DSN()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testPlans(t, dsn)
		})
	}
}

func testPlans(t *testing.T, dsn string) {
	d, err := Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	fill(t, d)
	now := time.Now()
	d.clock = func() time.Time { return now }
	t.Run("counts", func(t *testing.T) { testCounts(t, d) })
	t.Run("walk", func(t *testing.T) { testWalk(t, d) })

	created := func(i int) time.Time { return time.UnixMilli(int64(i) * 1000) }
	middle := planRows / 2
	from, to := created(middle), created(middle+selection.NarrowLimit*3/4)
	filters := map[string]struct {
		Query
		sortsFew bool // unless sorted by creation
	}{
		"all":                  {},
		"one status":           {Query: Query{Statuses: []order.Status{order.Confirmed}}},
		"two statuses":         {Query: Query{Statuses: []order.Status{order.Created, order.Cancelled}}},
		"customer":             {Query: Query{Filter: Filter{Customer: "customer-7"}}},
		"customer and status":  {Query: Query{Filter: Filter{Customer: "customer-7"}, Statuses: []order.Status{order.Cancelled}}},
		"common text":          {Query: Query{Filter: Filter{Text: "comm"}}},
		"customer, commontext": {Query: Query{Filter: Filter{Text: "common", Customer: "customer-7"}}},
		"customer, some text":  {Query: Query{Filter: Filter{Text: "some", Customer: "customer-7"}}, sortsFew: true},
		"customer, no text":    {Query: Query{Filter: Filter{Text: "rare", Customer: "customer-7"}}, sortsFew: true},
		"customer, own name":   {Query: Query{Filter: Filter{Text: "customer-7", Customer: "customer-7"}}},
		"some text":            {Query: Query{Filter: Filter{Text: "some"}}, sortsFew: true},
		"rare text":            {Query: Query{Filter: Filter{Text: "rar"}}, sortsFew: true},
		"both texts":           {Query: Query{Filter: Filter{Text: "comm rar"}}, sortsFew: true},
		"narrow times":         {Query: Query{Filter: Filter{From: from, To: to}}, sortsFew: true},
		"wide times":           {Query: Query{Filter: Filter{From: created(planRows / 4)}}},
		"customer and times":   {Query: Query{Filter: Filter{Customer: "customer-7", From: from, To: to}}, sortsFew: true},
		"customer, text, time": {Query: Query{Filter: Filter{Text: "common", Customer: "customer-7", From: from, To: to}}, sortsFew: true},
		"oldest text":          {Query: Query{Filter: Filter{Text: "discontinued"}}},
		"oldest times":         {Query: Query{Filter: Filter{To: from}}},
		"oldest, customer":     {Query: Query{Filter: Filter{Text: "discontinued", Customer: "customer-7"}}, sortsFew: true},
		"currency":             {Query: Query{Filter: Filter{Currency: "EUR"}}},
		"rare currency":        {Query: Query{Filter: Filter{Currency: "CHF"}}, sortsFew: true},
		"no currency":          {Query: Query{Filter: Filter{Currency: "GBP"}}, sortsFew: true},
		"totals":               {Query: Query{Filter: Filter{Currency: "EUR", MinTotal: 20_000, BelowTotal: 80_000}}},
		"few totals":           {Query: Query{Filter: Filter{Currency: "EUR", MinTotal: 99_900}}, sortsFew: true},
		"customer, currency":   {Query: Query{Filter: Filter{Customer: "customer-7", Currency: "EUR"}}, sortsFew: true},
		"currency and text":    {Query: Query{Filter: Filter{Currency: "EUR", Text: "common"}}},
		"currency and times":   {Query: Query{Filter: Filter{Currency: "EUR", From: from, To: to}}, sortsFew: true},
		"by operator":          {Query: Query{Filter: Filter{CancelledBy: order.ByOperator}}, sortsFew: true},
		"declined":             {Query: Query{Filter: Filter{Payment: order.PaymentRefused}}},
		"voided":               {Query: Query{Filter: Filter{Payment: order.PaymentVoided}}},
		"paid":                 {Query: Query{Filter: Filter{Payment: order.PaymentDone}}},
		"declined, customer":   {Query: Query{Filter: Filter{Payment: order.PaymentRefused, Customer: "customer-7"}}, sortsFew: true},
		"updated lately":       {Query: Query{Filter: Filter{UpdatedFrom: created(planRows - 1000)}}, sortsFew: true},
		"updated late":         {Query: Query{Filter: Filter{UpdatedFrom: created(planRows / 4)}}},
		"updated, customer":    {Query: Query{Filter: Filter{UpdatedFrom: created(planRows - 1000), Customer: "customer-7"}}, sortsFew: true},
		"due soon":             {Query: Query{Filter: Filter{DueBefore: created(10_000)}}, sortsFew: true},
		"due":                  {Query: Query{Filter: Filter{DueBefore: created(planRows / 2)}}},
		"due, customer":        {Query: Query{Filter: Filter{DueBefore: created(10_000), Customer: "customer-7"}}, sortsFew: true},
		"attention, currency":  {Query: Query{Filter: Filter{Attention: true, Operator: true, Currency: "EUR"}}, sortsFew: true},
		"totals of a customer": {Query: Query{Filter: Filter{Customer: "customer-7", Totals: true}}},
		"attention":            {Query: Query{Filter: Filter{Attention: true, Operator: true}}, sortsFew: true},
		"attention, customer":  {Query: Query{Filter: Filter{Attention: true, Operator: true, Customer: "customer-7"}}, sortsFew: true},
		"attention and text":   {Query: Query{Filter: Filter{Attention: true, Operator: true, Text: "common"}}, sortsFew: true},
		"operator and text":    {Query: Query{Filter: Filter{Operator: true, Text: "some"}}, sortsFew: true},
	}
	for name, filter := range filters {
		for _, sort := range []Sort{SortCreated, SortUpdated, SortTotal} {
			for _, descending := range []bool{false, true} {
				key := from.UnixMilli() + 100_000
				if sort == SortTotal {
					key = 50_000
				}
				for _, after := range []cursors.Page{{}, {Key: key, ID: "01999999"}} {
					t.Run(fmt.Sprintf("%s by %s %v after %d", name, sort, descending, after.Key), func(t *testing.T) {
						q := filter.Query
						q.Sort, q.Descending, q.Limit = sort, descending, 50
						if sort == SortTotal && q.Currency == "" {
							q.Currency = "EUR"
						}
						s, err := d.plan(context.Background(), q)
						require.NoError(t, err)
						span := selection.Span{After: after}
						if s.Walks() {
							query, a := s.UntilSQL(span)
							steps := plan(t, d, query, a)
							noFullScan(t, steps)
							readsFew(t, d, query, a)
							readsOwn(t, q, steps)
							err := d.db.Lists.QueryRowContext(t.Context(), query, a...).Scan(&span.Until.Key, &span.Until.ID)
							require.True(t, err == nil || errors.Is(err, sql.ErrNoRows), err)
						}
						for _, statuses := range s.Ranges() {
							part, a := s.PartSQL(statuses, span)
							steps := plan(t, d, part, a)
							noFullScan(t, steps)
							if !filter.sortsFew || s.Walks() {
								noSort(t, steps)
							}
							readsFew(t, d, part, a)
							readsOwn(t, q, steps)
						}
						query, a, _ := s.CountSQL()
						if sort == SortCreated {
							requireSameCount(t, d, q, query, a)
						}
						steps := plan(t, d, query, a)
						noFullScan(t, steps)
						readsFew(t, d, query, a)
						readsOwn(t, q, steps)
						if q.Operator {
							query, a := s.CountAttentionSQL()
							noFullScan(t, plan(t, d, query, a))
							readsFew(t, d, query, a)
						}
						for _, word := range s.Words() {
							query, a := s.MeasureWordSQL(word, selection.NarrowLimit+1)
							steps := plan(t, d, query, a)
							noFullScan(t, steps)
							readsFew(t, d, query, a)
							readsOwn(t, q, steps)
						}
						for query, a := range s.MeasureSQL() {
							steps := plan(t, d, query, a)
							noFullScan(t, steps)
							readsFew(t, d, query, a)
							readsOwn(t, q, steps)
						}
					})
				}
			}
		}
	}
	for name, query := range map[string]string{
		"feed":               `SELECT tx, seq, document FROM order_events WHERE (tx, seq) > (0, 500) AND tx < ` + d.db.Settled + ` ORDER BY tx, seq LIMIT 50`,
		"feed of a customer": `SELECT tx, seq, document FROM order_events WHERE (tx, seq) > (0, 500) AND tx < ` + d.db.Settled + ` AND customer = 'customer-7' ORDER BY tx, seq LIMIT 50`,
		"head":               `SELECT * FROM ` + d.newest(),
		"stuck":              attention.StuckVoids,
		"overdue":            attention.StuckOverdue,
		"unpaid":             attention.StuckUnpaid,
		"awaiting payment":   strings.ReplaceAll(attention.CountUnpaid, "$1", "50"),
		"due":                attention.CountDue,
		"outdated words":     strings.ReplaceAll(outdatedWords, "$1", "20"),
		"outdated, customer": strings.ReplaceAll(selection.OutdatedOfCustomer, "$1", "'customer-7'"),
	} {
		t.Run(name, func(t *testing.T) {
			var a selection.Args
			if strings.Contains(query, "$1") {
				a = selection.Args{100_000, 50}
			}
			steps := plan(t, d, query, a)
			noFullScan(t, steps)
			noSort(t, steps)
			readsFew(t, d, query, a)
		})
	}
}

// requireSameCount fails unless Counts counts with the query of the list, which is checked.
func requireSameCount(t *testing.T, d *DB, q Query, query string, a selection.Args) {
	t.Helper()
	s, err := d.plan(t.Context(), Query{Filter: q.Filter})
	require.NoError(t, err)
	alone, aloneArgs, _ := s.CountSQL()
	require.Equal(t, query, alone)
	require.Equal(t, a, aloneArgs)
}

// readsOwn fails where a customer's list reads words or orders of other customers: its time would tell what they order.
func readsOwn(t *testing.T, q Query, steps string) {
	t.Helper()
	if q.Customer == "" {
		return
	}
	require.NotRegexp(t, `order_words_pkey|order_words USING PRIMARY KEY|\borders_(created|updated|currency|cancelled)\b`, steps)
}

func noFullScan(t *testing.T, steps string) {
	t.Helper()
	steps = strings.ReplaceAll(steps, "Seq Scan on order_findings", "") // few rows
	require.NotContains(t, steps, "Seq Scan", steps)
	for line := range strings.Lines(steps) {
		// SEARCH uses an index. So does SCAN of an index that has only the wanted rows.
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN order") && !strings.HasSuffix(line, " orders_outdated_words") && !strings.HasPrefix(line, "SCAN order_findings") {
			require.Fail(t, "reads a whole table", steps)
		}
	}
}

// noSort lets PostgreSQL sort a few pages: for such a small range it may be cheaper than an index.
func noSort(t *testing.T, steps string) {
	t.Helper()
	require.NotContains(t, steps, "TEMP B-TREE", steps)
	for _, sort := range sortStep.FindAllStringSubmatch(steps, -1) {
		rows, err := strconv.Atoi(sort[1])
		require.NoError(t, err)
		require.LessOrEqual(t, rows, 4*pageSize, steps)
	}
}

var sortStep = regexp.MustCompile(`Sort  \(cost=\S+ rows=(\d+)`)

// readsFew runs a query on PostgreSQL and checks the number of rows that each step returned and skipped.
func readsFew(t *testing.T, d *DB, query string, a selection.Args) {
	t.Helper()
	if d.db.Name == sqldb.SQLite.Name {
		return
	}
	steps, err := sqldb.Rows(t.Context(), d.db.Read, `EXPLAIN (ANALYZE, TIMING OFF) `+query, a, func(scan sqldb.Scan, s *string) error { return scan(s) })
	require.NoError(t, err)
	loops := 1.0
	for _, step := range steps {
		counts := stepRows.FindStringSubmatch(step)
		if counts == nil {
			continue
		}
		n, err := strconv.ParseFloat(counts[1]+counts[3], 64)
		require.NoError(t, err)
		if counts[2] != "" {
			loops, err = strconv.ParseFloat(counts[2], 64)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, n*loops, float64(CountLimit+1), strings.Join(steps, "\n"))
	}
}

var stepRows = regexp.MustCompile(`actual rows=([\d.]+) loops=(\d+)|Rows Removed by .*: (\d+)`)
