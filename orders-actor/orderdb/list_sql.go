package orderdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/words"
)

// lastRune follows all runes of words, for the end of the range of a prefix.
const lastRune = "\U0010FFFF"

// How reads of lists are limited, whatever the size of the table:
//
// Each sort has an index per status, with and without the customer. The query reads up to one page from the index range of
// each status and merges them, so it reads at most one page per status.
//
// A text, or times of creation with another sort, do not fit these indexes. If such a filter matches few orders
// (narrowLimit), they are found with an index of the filter and sorted. If it matches many, the sort's index is walked and
// other rows are skipped, which fills the page soon. The exception is a filter that matches many orders, but few of one
// large status, or only orders at the far end of the index: then the walk is long, and the timeout ends it.

const (
	textCountLimit = 2_000 // orders per status that a count with a text reads: it reads their rows, not only an index
	narrowLimit    = 5_000 // orders that a list sorts instead of walking an index
	maxMeasured    = 8     // words of a query that are counted to find the rarest one
)

// selection is a query and how to find its orders.
type selection struct {
	Query
	words     []string
	narrow    string // the word to find the orders by, if any
	ranged    bool   // find the orders by their time of creation
	indexedBy string // of the dialect

	attention *attention.Store
	now       time.Time
}

// joined reports whether another table or query gives the ids of the orders, which are then sorted.
func (s selection) joined() bool { return s.narrow != "" || s.Attention }

// plan chooses how to find the orders, by how many of them match the filters.
func (d *DB) plan(ctx context.Context, q Query) (selection, error) {
	s := selection{Query: q, words: words.OfQuery(q.Text), indexedBy: d.db.IndexedBy, attention: d.Store, now: d.clock()}
	if q.Attention {
		return s, nil
	}
	measured, err := d.measured(ctx, s)
	if err != nil {
		return s, err
	}
	fewest := narrowLimit + 1
	for _, word := range measured {
		var n int
		query, a := s.measureSQL(word, fewest)
		if err := d.db.Lists.QueryRowContext(ctx, query, a...).Scan(&n); err != nil {
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
	err = d.db.Lists.QueryRowContext(ctx, `SELECT count(*) FROM (`+strings.Join(counted, " UNION ALL ")+`) AS few`, a...).Scan(&n)
	s.ranged = n <= narrowLimit
	return s, err
}

// measured returns the words that may be used to find the orders. The orders of a customer are found with an index of that
// customer's words only, so that the duration of a search tells nothing about orders of others. That index has neither the
// words of the customer's own name nor the orders that Reindex has not reindexed yet.
func (d *DB) measured(ctx context.Context, s selection) ([]string, error) {
	candidates := s.words
	if s.Customer != "" && candidates != nil {
		var outdated bool
		err := d.db.Lists.QueryRowContext(ctx, outdatedOfCustomer, s.Customer).Scan(&outdated)
		if err != nil || outdated {
			return nil, err
		}
		shared := words.OfText(s.Customer)
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(word string) bool {
			return slices.ContainsFunc(shared, func(w string) bool { return strings.HasPrefix(w, word) })
		})
	}
	return candidates[:min(len(candidates), maxMeasured)], nil
}

// measureSQL counts the orders of a word, up to a limit.
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

// ranges returns the groups of statuses that need a query each: each status has its own range of a sort's index, but a word
// and attention find the orders of all statuses.
func (s selection) ranges() [][]order.Status {
	if s.joined() {
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

// conditions returns the conditions on status, customer and creation. Unless byCreated is set, a plus sign prevents both
// databases from using the index on created_at: plan has chosen by current counts, while their statistics may be old.
func (s selection) conditions(a *args, statuses []order.Status, byCreated bool) []string {
	var quoted []string
	for _, status := range statuses {
		quoted = append(quoted, "'"+string(status)+"'")
	}
	all := []string{"status IN (" + strings.Join(quoted, ", ") + ")"}
	if s.Customer != "" {
		all = append(all, "customer = "+a.add(s.Customer))
	}
	created := column("created_at", byCreated)
	if !s.From.IsZero() {
		all = append(all, created+" >= "+a.add(ceilMillis(s.From)))
	}
	if !s.To.IsZero() {
		all = append(all, created+" < "+a.add(ceilMillis(s.To)))
	}
	return all
}

// ceilMillis rounds up, so that comparisons in milliseconds equal comparisons of times.
func ceilMillis(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// column returns a column, with a plus sign unless its index may be used.
func column(name string, indexed bool) string {
	if indexed {
		return name
	}
	return "+" + name
}

// matches is 1 for an order with all words, else 0. For a plain condition PostgreSQL would estimate how rare the words are,
// and read the whole table when it estimates few matches.
func (s selection) matches(a *args) string {
	if len(s.words) == 0 {
		return "1"
	}
	var all []string
	for _, word := range s.words {
		all = append(all, "words LIKE "+a.add(words.PrefixPattern(word))+" ESCAPE '!'")
	}
	return "CASE WHEN " + strings.Join(all, " AND ") + " THEN 1 ELSE 0 END"
}

// from returns the table to select from: joined with the orders of a word, or with the index of a column. The orders of a
// customer are always found with an index by customer, also where the database would prefer another one.
func (s selection) from(a *args, indexed string) string {
	if s.Attention {
		return s.needingAttention(a)
	}
	if s.narrow == "" {
		if s.Customer == "" || s.indexedBy == "" {
			return "orders"
		}
		return "orders" + fmt.Sprintf(s.indexedBy, "orders_customer_"+strings.TrimSuffix(indexed, "_at"))
	}
	// SQLite does not reorder a CROSS JOIN. To PostgreSQL it is any join.
	return "(SELECT DISTINCT order_id FROM order_words WHERE " + s.wordRange(a, s.narrow) + ") AS found CROSS JOIN orders"
}

// pageSQL selects the page after a cursor, and one more order.
func (s selection) pageSQL(after cursors.Page) (string, args) {
	var a args
	var parts []string
	for i, statuses := range s.ranges() {
		parts = append(parts, fmt.Sprintf("SELECT * FROM (%s) AS part_%d", s.partSQL(&a, statuses, after), i))
	}
	return strings.Join(parts, " UNION ALL ") + s.orderBy() + " LIMIT " + a.add(s.Limit+1), a
}

// partSQL selects the orders of one range that may be on the page. ORDER BY and LIMIT make PostgreSQL use the index.
func (s selection) partSQL(a *args, statuses []order.Status, after cursors.Page) string {
	sorted := !s.joined() && !s.ranged // the index gives the order
	sortColumn := sortColumns[s.Sort]
	byCreated := !s.joined() && (s.ranged || sortColumn == "created_at")
	key := column(sortColumn, sorted)
	indexed := sortColumn
	if s.ranged {
		indexed = "created_at"
	}
	from := s.from(a, indexed)
	where := s.conditions(a, statuses, byCreated)
	if s.words != nil {
		where = append(where, s.matches(a)+" > 0")
	}
	if sorted && sortColumn == "updated_at" && !s.From.IsZero() { // updated_at >= created_at
		where = append(where, "updated_at >= "+a.add(ceilMillis(s.From)))
	}
	if s.joined() {
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

// countSQL selects for each status the number of orders read, and of those that match.
func (s selection) countSQL() (query string, a args, limit int) {
	if s.joined() {
		limit = map[bool]int{false: narrowLimit, true: attention.CountLimit}[s.Attention]
		return "SELECT status, count(*), sum(" + s.matches(&a) + ") FROM " + s.from(&a, "") + " WHERE id = order_id AND " +
			strings.Join(s.conditions(&a, order.Statuses, false), " AND ") + " GROUP BY status", a, limit
	}
	columns, newest := "1 AS one", "" // an index has all columns needed without a text
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
		parts = append(parts, "SELECT '"+string(status)+"' AS status, count(*) AS read_rows, "+matching+" AS matching FROM (SELECT "+
			columns+" FROM "+s.from(&a, "created_at")+" WHERE "+strings.Join(s.conditions(&a, []order.Status{status}, true), " AND ")+newest+
			" LIMIT "+a.add(limit+1)+") AS read_"+string(status))
	}
	return strings.Join(parts, " UNION ALL "), a, limit
}

// needingAttention returns the table of the orders that need attention.
func (s selection) needingAttention(a *args) string {
	return "(" + s.attention.FoundSQL(a.add, s.now, s.Customer, attention.CountLimit+1) + ") AS found CROSS JOIN orders"
}

// countAttentionSQL selects the number of orders that need attention, which may be above attention.CountLimit.
func (s selection) countAttentionSQL() (string, args) {
	var a args
	if s.words == nil && s.From.IsZero() && s.To.IsZero() { // the indexes have all that is needed
		return "SELECT count(*) FROM (" + s.attention.FoundSQL(a.add, s.now, s.Customer, attention.CountLimit) + ") AS found", a
	}
	return "SELECT coalesce(sum(" + s.matches(&a) + "), 0) FROM " + s.needingAttention(&a) + " WHERE id = order_id AND " +
		strings.Join(s.conditions(&a, order.Statuses, false), " AND "), a
}
