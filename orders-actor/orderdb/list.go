package orderdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
)

// How a list stays cheap whatever the table holds:
//
// Each sort has an index per status, with and without the customer. Each status adds from its range of the index what would
// fill the page by itself, and the page is the first of all these: the database reads a page per status at most.
//
// A text, or times of creation when another sort is asked for, don't fit into these indexes. Where such a filter leaves
// few orders (narrowLimit), those are found by its own index and sorted. Where it leaves many, the sort's index is walked
// and the filter skips rows; as many of them pass, the page is full soon. The exception: a filter that leaves many orders,
// but few of one large status, or all of them at the far end, makes it a long walk, which the deadline ends.

// Sort is what a list is sorted by.
type Sort string

// The sorts. Orders with the same key are sorted by id, in the same direction.
const (
	SortCreated Sort = "created"
	SortUpdated Sort = "updated"
	SortTotal   Sort = "total"
)

var sortColumns = map[Sort]string{"": "created_at", SortCreated: "created_at", SortUpdated: "updated_at", SortTotal: "total"}

// Query selects orders. What is empty doesn't filter, nor does a Text that isn't Searchable. Each word of Text must be the
// beginning of a word in the order's id, customer, SKUs or item names, however it is spelled; see textWords for what a word
// is and fold for spelling. From is inclusive, To isn't.
type Query struct {
	Customer   string
	Statuses   []order.Status
	Text       string
	From, To   time.Time // when it was created
	Sort       Sort      // SortCreated when empty
	Descending bool
	Limit      int // of a page: 50 when 0, 500 at most
	Cursor     string
}

// Page is a part of a list.
type Page struct {
	Orders []order.Order // without history
	Next   string        // the cursor of the next page; empty on the last one
	// Counts is how many orders have each status, were Query.Statuses empty. Counting stops at CountLimit (earlier when
	// there is a text); AtLeast lists the statuses that may have more than counted.
	Counts  map[order.Status]int
	AtLeast []order.Status
	Feed    string // from this cursor on, Events tells all that isn't in the page yet
}

// CountLimit is where counting ends.
const CountLimit = 10_000

const (
	pageSize       = 50
	maxPageSize    = 500
	textCountLimit = 2_000 // orders per status that a text is looked for in, to count them: these rows are read, not only their index
	narrowLimit    = 5_000 // orders that are worth sorting
	maxMeasured    = 8     // words of a query that are counted to find the rarest
)

// List returns one page, or ErrBadCursor. The page may be newer than Feed, never older.
func (d *DB) List(ctx context.Context, q Query) (page Page, err error) {
	after, err := q.after()
	if err != nil {
		return Page{}, err
	}
	q.Limit = bounded(q.Limit)
	err = d.call(ctx, "list orders", pageTimeout, func(ctx context.Context) error {
		if page.Feed, err = d.head(ctx, d.lists); err != nil {
			return err
		}
		s, err := d.plan(ctx, q)
		if err != nil {
			return err
		}
		if page.Counts, page.AtLeast, err = d.count(ctx, s); err != nil {
			return err
		}
		page.Orders, page.Next, err = d.page(ctx, s, after)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// Export gives each order of the selection to each, in its order and without history, until that returns an error. It
// holds one page in memory. Orders that change meanwhile may come twice or not at all when the sort is by SortUpdated.
func (d *DB) Export(ctx context.Context, q Query, each func(order.Order) error) error {
	after, err := q.after()
	if err != nil {
		return err
	}
	q.Limit = maxPageSize
	var s selection
	err = d.call(ctx, "export orders", pageTimeout, func(ctx context.Context) (err error) {
		s, err = d.plan(ctx, q)
		return err
	})
	for err == nil {
		var orders []order.Order
		var next string
		err = d.call(ctx, "export orders", pageTimeout, func(ctx context.Context) (err error) {
			orders, next, err = d.page(ctx, s, after)
			return err
		})
		if err != nil {
			return err
		}
		for _, o := range orders {
			if err := each(o); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after, err = parsePageCursor(next, q.list())
	}
	return err
}

func (q Query) after() (c pageCursor, _ error) {
	if _, ok := sortColumns[q.Sort]; !ok {
		return c, fmt.Errorf("no such sort: %q", q.Sort)
	}
	for _, status := range q.Statuses {
		if !status.Valid() { // they become part of SQL
			return c, fmt.Errorf("no such status: %q", status)
		}
	}
	if q.Cursor == "" {
		return c, nil
	}
	return parsePageCursor(q.Cursor, q.list())
}

func bounded(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return min(limit, maxPageSize)
}

// selection is a query and the way to its orders.
type selection struct {
	Query
	words []string
	// narrow, when not empty, is the word to find the orders by.
	narrow string
	// ranged says to find them by their time of creation.
	ranged bool
	// indexedBy is that of the dialect.
	indexedBy string
}

// plan chooses the way, by what the filters leave.
func (d *DB) plan(ctx context.Context, q Query) (selection, error) {
	s := selection{Query: q, words: queryWords(q.Text), indexedBy: d.indexedBy}
	measured, err := d.measured(ctx, s)
	if err != nil {
		return s, err
	}
	fewest := narrowLimit + 1
	for _, word := range measured {
		var n int
		query, a := s.measureSQL(word, fewest)
		if err := d.lists.QueryRowContext(ctx, query, a...).Scan(&n); err != nil {
			return s, err
		}
		if n < fewest {
			s.narrow, fewest = word, n
		}
	}
	if s.narrow != "" || sortColumns[q.Sort] == "created_at" || q.From.IsZero() && q.To.IsZero() {
		return s, nil
	}
	var a args
	var counted []string
	for _, status := range s.statuses() {
		counted = append(counted, `SELECT * FROM (SELECT 1 AS one FROM `+s.from(&a, "created_at")+` WHERE `+
			strings.Join(s.conditions(&a, []order.Status{status}, true), " AND ")+` LIMIT `+a.add(narrowLimit+1)+`) AS few_`+string(status))
	}
	var n int
	err = d.lists.QueryRowContext(ctx, `SELECT count(*) FROM (`+strings.Join(counted, " UNION ALL ")+`) AS few`, a...).Scan(&n)
	s.ranged = n <= narrowLimit
	return s, err
}

// measured returns the words of which one may be the way to the orders. A customer's orders are found by an index of that
// customer's words alone, so that how long it takes tells nothing about what others order. Words of the customer's own name
// aren't in it, nor are orders that Reindexer hasn't come to; these have to be walked.
func (d *DB) measured(ctx context.Context, s selection) ([]string, error) {
	words := s.words
	if s.Customer != "" && words != nil {
		var outdated bool
		err := d.lists.QueryRowContext(ctx, outdatedOfCustomer, s.Customer).Scan(&outdated)
		if err != nil || outdated {
			return nil, err
		}
		shared := textWords(s.Customer)
		words = slices.DeleteFunc(slices.Clone(words), func(word string) bool {
			return slices.ContainsFunc(shared, func(w string) bool { return strings.HasPrefix(w, word) })
		})
	}
	return words[:min(len(words), maxMeasured)], nil
}

// measureSQL counts a word's orders, up to a limit.
func (s selection) measureSQL(word string, limit int) (query string, a args) {
	query = "SELECT count(*) FROM (SELECT 1 FROM order_words WHERE " + s.wordRange(&a, word) + " LIMIT " + a.add(limit) + ") AS few"
	return query, a
}

func (s selection) wordRange(a *args, word string) string {
	where := "word >= " + a.add(word) + " AND word <= " + a.add(word+lastRune)
	if s.Customer != "" {
		where += " AND order_words.customer = " + a.add(s.Customer)
	}
	return where
}

func (s selection) statuses() []order.Status {
	if len(s.Statuses) == 0 {
		return order.Statuses
	}
	return slices.Compact(slices.Sorted(slices.Values(s.Statuses)))
}

// ranges are the statuses to look for at once: each has a range of the sort's index, but a word finds all of them.
func (s selection) ranges() [][]order.Status {
	if s.narrow != "" {
		return [][]order.Status{s.statuses()}
	}
	return slices.Collect(slices.Chunk(s.statuses(), 1))
}

// args collects a statement's arguments.
type args []any

func (a *args) add(v any) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d", len(*a))
}

// conditions are those on status, customer and creation. Unless they may use the index on created_at, a plus sign keeps
// both databases from it: the choice is made here, by what is there now, and not by statistics from some time ago.
func (s selection) conditions(a *args, statuses []order.Status, byCreated bool) []string {
	var quoted []string
	for _, status := range statuses {
		quoted = append(quoted, "'"+string(status)+"'")
	}
	all := []string{"status IN (" + strings.Join(quoted, ", ") + ")"}
	if s.Customer != "" {
		all = append(all, "customer = "+a.add(s.Customer))
	}
	created := plain("created_at", byCreated)
	if !s.From.IsZero() {
		all = append(all, created+" >= "+a.add(ceilMillis(s.From)))
	}
	if !s.To.IsZero() {
		all = append(all, created+" < "+a.add(ceilMillis(s.To)))
	}
	return all
}

// ceilMillis makes comparing in milliseconds the same as comparing times.
func ceilMillis(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

func plain(column string, indexed bool) string {
	if indexed {
		return column
	}
	return "+" + column
}

// matches is 1 for an order that has all words, else 0. As a bare condition it would make PostgreSQL guess how rare the
// words are, and read the whole table when it guesses that they are.
func (s selection) matches(a *args) string {
	var all []string
	for _, word := range s.words {
		all = append(all, "words LIKE "+a.add(beginningWith(word))+" ESCAPE '!'")
	}
	return "CASE WHEN " + strings.Join(all, " AND ") + " THEN 1 ELSE 0 END"
}

// from is the table to select from, and the way into it: a word, or the index of a sort's column. A customer's orders are
// found by an index of their own even where the database would take another, which holds the orders of others as well.
func (s selection) from(a *args, column string) string {
	if s.narrow == "" {
		if s.Customer == "" || s.indexedBy == "" {
			return "orders"
		}
		return "orders" + fmt.Sprintf(s.indexedBy, "orders_customer_"+strings.TrimSuffix(column, "_at"))
	}
	// SQLite joins in the order in which a CROSS JOIN is written; to PostgreSQL it is a join like any other.
	return "(SELECT DISTINCT order_id FROM order_words WHERE " + s.wordRange(a, s.narrow) + ") AS found CROSS JOIN orders"
}

// pageSQL selects one page of the orders after a cursor, and one order more.
func (s selection) pageSQL(after pageCursor) (string, args) {
	var a args
	var parts []string
	for i, statuses := range s.ranges() {
		parts = append(parts, fmt.Sprintf("SELECT * FROM (%s) AS part_%d", s.partSQL(&a, statuses, after), i))
	}
	return strings.Join(parts, " UNION ALL ") + s.orderBy() + " LIMIT " + a.add(s.Limit+1), a
}

// partSQL is what one range could add to the page. Its own ORDER BY and LIMIT are what makes PostgreSQL take the index.
func (s selection) partSQL(a *args, statuses []order.Status, after pageCursor) string {
	sorted := s.narrow == "" && !s.ranged // the index gives the order
	column := sortColumns[s.Sort]
	byCreated := s.narrow == "" && (s.ranged || column == "created_at")
	key := plain(column, sorted)
	way := column
	if s.ranged {
		way = "created_at"
	}
	from := s.from(a, way)
	where := s.conditions(a, statuses, byCreated)
	if s.words != nil {
		where = append(where, s.matches(a)+" > 0")
	}
	if sorted && column == "updated_at" && !s.From.IsZero() { // no order is updated before it is created
		where = append(where, "updated_at >= "+a.add(ceilMillis(s.From)))
	}
	if s.narrow != "" {
		where = append(where, "id = order_id")
	}
	if after.ID != "" {
		beyond := map[bool]string{false: ">", true: "<"}[s.Descending]
		where = append(where, "("+key+", id) "+beyond+" ("+a.add(after.Key)+", "+a.add(after.ID)+")")
	}
	return "SELECT " + key + " AS sort_key, id, state FROM " + from + " WHERE " + strings.Join(where, " AND ") +
		s.orderBy() + " LIMIT " + a.add(s.Limit+1)
}

func (s selection) orderBy() string {
	direction := map[bool]string{false: "ASC", true: "DESC"}[s.Descending]
	return " ORDER BY sort_key " + direction + ", id " + direction
}

func (d *DB) page(ctx context.Context, s selection, after pageCursor) (orders []order.Order, next string, _ error) {
	type row struct {
		key   int64
		id    string
		order order.Order
	}
	query, a := s.pageSQL(after)
	found, err := rows(ctx, d.lists, query, a, func(scan scan, r *row) error { return scan(&r.key, &r.id, document{&r.order}) })
	if err != nil {
		return nil, "", err
	}
	if len(found) > s.Limit {
		found = found[:s.Limit]
		last := found[s.Limit-1]
		next = pageCursor{List: s.list(), Key: last.key, ID: last.id}.String()
	}
	for _, r := range found {
		r.order.History = nil
		orders = append(orders, r.order)
	}
	return orders, next, nil
}

// countSQL selects for each status how many orders were looked at, and how many of them match.
func (s selection) countSQL() (query string, a args, limit int) {
	if s.narrow != "" {
		return "SELECT status, count(*), sum(" + s.matches(&a) + ") FROM " + s.from(&a, "") + " WHERE id = order_id AND " +
			strings.Join(s.conditions(&a, order.Statuses, false), " AND ") + " GROUP BY status", a, narrowLimit
	}
	columns, newest := "1 AS one", "" // without a text the index is enough
	limit = CountLimit
	if s.words != nil {
		columns, newest = "words", " ORDER BY created_at DESC, id DESC"
		limit = textCountLimit
	}
	var parts []string
	for _, status := range order.Statuses {
		matching := "count(*)"
		if s.words != nil {
			matching = "coalesce(sum(" + s.matches(&a) + "), 0)"
		}
		parts = append(parts, "SELECT '"+string(status)+"' AS status, count(*) AS looked_at, "+matching+" AS matching FROM (SELECT "+
			columns+" FROM "+s.from(&a, "created_at")+" WHERE "+strings.Join(s.conditions(&a, []order.Status{status}, true), " AND ")+newest+
			" LIMIT "+a.add(limit+1)+") AS looked_"+string(status))
	}
	return strings.Join(parts, " UNION ALL "), a, limit
}

func (d *DB) count(ctx context.Context, s selection) (map[order.Status]int, []order.Status, error) {
	type row struct {
		status             order.Status
		lookedAt, matching int
	}
	query, a, limit := s.countSQL()
	found, err := rows(ctx, d.lists, query, a, func(scan scan, r *row) error { return scan(&r.status, &r.lookedAt, &r.matching) })
	counts := map[order.Status]int{}
	var atLeast []order.Status
	for _, r := range found {
		counts[r.status] = min(r.matching, limit)
		if r.lookedAt > limit {
			atLeast = append(atLeast, r.status)
		}
	}
	return counts, atLeast, err
}
