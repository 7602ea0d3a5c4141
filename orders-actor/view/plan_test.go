package view

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/orders-actor/order"
)

const planRows = 20_000

// fill makes orders in SQL: i counts them.
func fill(t *testing.T, d *DB) {
	t.Helper()
	numbers := fmt.Sprintf(`WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) `, planRows)
	const status = `CASE i % 4 WHEN 0 THEN 'created' WHEN 1 THEN 'confirmed' WHEN 2 THEN 'delivered' ELSE 'cancelled' END`
	const word = `CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END`
	for _, statement := range []string{
		numbers + `INSERT INTO orders (id, customer, status, version, total, created_at, updated_at, deliver_at, void_owed, words, state)
			SELECT 'id-' || i, 'customer-' || (i % 100), ` + status + `, 1, (i * 7919) % 100000, i * 1000, i * 1000 + (i * 31) % 5000, i * 1000, i < 0,
			' ' || ` + word + `, '{}' FROM numbers`,
		numbers + `INSERT INTO order_words (word, order_id) SELECT ` + word + `, 'id-' || i FROM numbers`,
		numbers + `INSERT INTO order_events (tx, at, customer, document) SELECT 0, i, 'customer-' || (i % 100), '{}' FROM numbers`,
		map[string]string{"sqlite": `ANALYZE`, "postgres": `VACUUM ANALYZE`}[d.migrations], // as autovacuum does
	} {
		_, err := d.write.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

// plan is how the database would run a query, one step per line.
func plan(t *testing.T, d *DB, query string, a args) string {
	t.Helper()
	if d.migrations == onSQLite.migrations {
		steps, err := rows(t.Context(), d.read, `EXPLAIN QUERY PLAN `+query, a, func(scan scan, s *string) error {
			var id, parent, unused int
			return scan(&id, &parent, &unused, s)
		})
		require.NoError(t, err)
		return strings.Join(steps, "\n")
	}
	steps, err := rows(t.Context(), d.read, `EXPLAIN `+query, a, func(scan scan, s *string) error { return scan(s) })
	require.NoError(t, err)
	return strings.Join(steps, "\n")
}

// Counting ends somewhere, and says so.
func testCounts(t *testing.T, d *DB) {
	t.Helper()
	for text, want := range map[string]map[order.Status]int{ // the rare ones are all created
		"":       {order.Created: planRows / 4, order.Confirmed: planRows / 4},
		"rare":   {order.Created: planRows / 1000, order.Confirmed: 0},
		"common": {order.Confirmed: textCountLimit},
	} {
		page, err := d.List(t.Context(), Query{Text: text})
		require.NoError(t, err)
		require.Subset(t, page.Counts, want, text)
		if text == "common" {
			require.ElementsMatch(t, order.Statuses, page.AtLeast)
		} else {
			require.Empty(t, page.AtLeast, text)
		}
	}
}

// Each page comes from an index: nothing reads the whole table, and nothing is sorted but what was found to be few.
func TestPlans(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testPlans(t, filepath.Join(t.TempDir(), "view.db")) })
	t.Run("postgres", func(t *testing.T) { testPlans(t, pgtest.Start(t).DSN()) })
}

func testPlans(t *testing.T, dsn string) {
	d, err := Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	fill(t, d)
	t.Run("counts", func(t *testing.T) { testCounts(t, d) })

	from, to := time.UnixMilli(500_000).UTC(), time.UnixMilli(700_000).UTC()
	filters := map[string]struct {
		Query
		sortsFew bool // unless the sort is by creation
	}{
		"all":                  {},
		"one status":           {Query: Query{Statuses: []order.Status{order.Confirmed}}},
		"two statuses":         {Query: Query{Statuses: []order.Status{order.Created, order.Cancelled}}},
		"customer":             {Query: Query{Customer: "customer-7"}},
		"customer and status":  {Query: Query{Customer: "customer-7", Statuses: []order.Status{order.Cancelled}}},
		"common text":          {Query: Query{Text: "comm"}},
		"customer, commontext": {Query: Query{Text: "common", Customer: "customer-7"}},
		"rare text":            {Query: Query{Text: "rar"}, sortsFew: true},
		"both texts":           {Query: Query{Text: "comm rar"}, sortsFew: true},
		"narrow times":         {Query: Query{From: from, To: to}, sortsFew: true},
		"wide times":           {Query: Query{From: from}},
		"customer and times":   {Query: Query{Customer: "customer-7", From: from, To: to}, sortsFew: true},
	}
	for name, filter := range filters {
		for _, sort := range []Sort{SortCreated, SortUpdated, SortTotal} {
			for _, descending := range []bool{false, true} {
				for _, after := range []pageCursor{{}, {Key: 650_000, ID: "id-650"}} {
					t.Run(fmt.Sprintf("%s by %s %v after %d", name, sort, descending, after.Key), func(t *testing.T) {
						q := filter.Query
						q.Sort, q.Descending, q.Limit = sort, descending, 50
						s, err := d.plan(context.Background(), q)
						require.NoError(t, err)
						for _, statuses := range s.ranges() {
							var a args
							part := s.partSQL(&a, statuses, after)
							steps := plan(t, d, part, a)
							noFullScan(t, steps)
							if !filter.sortsFew || sort == SortCreated && s.narrow == "" {
								noSort(t, steps)
							}
						}
						query, a, _ := s.countSQL()
						noFullScan(t, plan(t, d, query, a))
					})
				}
			}
		}
	}
	for name, query := range map[string]string{
		"feed":               `SELECT tx, seq, document FROM order_events WHERE (tx, seq) > (0, 500) AND tx < ` + d.settled + ` ORDER BY tx, seq LIMIT 50`,
		"feed of a customer": `SELECT tx, seq, document FROM order_events WHERE (tx, seq) > (0, 500) AND tx < ` + d.settled + ` AND customer = 'customer-7' ORDER BY tx, seq LIMIT 50`,
		"head":               `SELECT * FROM ` + d.newest(),
		"stuck":              stuckVoids,
		"overdue":            stuckOverdue,
		"unpaid":             stuckUnpaid,
	} {
		t.Run(name, func(t *testing.T) {
			var a args
			if strings.Contains(query, "$1") {
				a = args{100_000, 50}
			}
			steps := plan(t, d, query, a)
			noFullScan(t, steps)
			noSort(t, steps)
		})
	}
}

func noFullScan(t *testing.T, steps string) {
	t.Helper()
	require.NotContains(t, steps, "Seq Scan", steps)
	for line := range strings.Lines(steps) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN order") { // SEARCH is what an index does
			require.Fail(t, "reads a whole table", steps)
		}
	}
}

// noSort lets PostgreSQL sort a few pages' worth: for a range that small it may be cheaper than to follow the index.
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
