package selection

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/words"
)

// lastRune follows all runes of words, for the end of the range of a prefix.
const lastRune = "\U0010FFFF"

// The expressions of indexes. The databases compute them, so that they are also right for orders that an older release stores
// during an update.
const (
	currencyOf    = "(state->>'currency')"
	cancelledByOf = "(state->'cancellation'->>'by')"
)

// Args collects a statement's arguments.
type Args []any

// Add adds an argument and returns its placeholder.
func (a *Args) Add(v any) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d", len(*a))
}

// condition is a condition that a finder may answer.
type condition struct {
	name string
	sql  func(*Args) string
}

func (s Selection) conditions() (all []condition) {
	add := func(name, left string, value any) {
		all = append(all, condition{name, func(a *Args) string { return left + a.Add(value) }})
	}
	if !s.From.IsZero() {
		add(byCreated, "created_at >= ", ceilMillis(s.From))
	}
	if !s.To.IsZero() {
		add(byCreated, "created_at < ", ceilMillis(s.To))
	}
	if !s.UpdatedFrom.IsZero() {
		add(byUpdated, "updated_at >= ", ceilMillis(s.UpdatedFrom))
	}
	if !s.DueBefore.IsZero() {
		add(byDue, "deliver_at < ", ceilMillis(s.DueBefore))
	}
	if s.Currency != "" {
		add(byCurrency, currencyOf+" = ", s.Currency)
	}
	if s.MinTotal != 0 {
		add(byTotal, "total >= ", s.MinTotal)
	}
	if s.BelowTotal != 0 {
		add(byTotal, "total < ", s.BelowTotal)
	}
	if parties, limited := s.parties(); limited && len(parties) > 0 {
		all = append(all, condition{byCancelled, func(a *Args) string {
			values := make([]string, len(parties))
			for i, party := range parties {
				values[i] = a.Add(string(party))
			}
			return cancelledByOf + " IN (" + strings.Join(values, ", ") + ")"
		}})
	}
	return all
}

// hasStatus is the condition that an order has one of the statuses.
func hasStatus(statuses []order.Status) string {
	quoted := make([]string, len(statuses))
	for i, status := range statuses {
		quoted[i] = "'" + string(status) + "'"
	}
	if len(quoted) == 1 { // in this form SQLite recognizes the conditions of partial indexes
		return "status = " + quoted[0]
	}
	return "status IN (" + strings.Join(quoted, ", ") + ")"
}

// ceilMillis rounds up, so that comparisons in milliseconds equal comparisons of times.
func ceilMillis(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// owned returns the conditions on statuses and customer, and those that a finder answers.
func (s Selection) owned(a *Args, statuses []order.Status, f finder) []string {
	all := []string{hasStatus(statuses)}
	if s.Customer != "" {
		all = append(all, "customer = "+a.Add(s.Customer))
	}
	for _, c := range s.conds {
		if slices.Contains(f.answers, c.name) {
			all = append(all, c.sql(a))
		}
	}
	if f.column == "updated_at" && !s.From.IsZero() { // updated_at >= created_at
		all = append(all, "updated_at >= "+a.Add(ceilMillis(s.From)))
	}
	return all
}

// matches is 1 for an order with all words and the conditions that a finder does not answer, else 0. For plain conditions the
// databases may choose another index, and PostgreSQL would estimate how rare the matches are, and read the whole table when it
// estimates few.
func (s Selection) matches(a *Args, f finder) string {
	var all []string
	for _, word := range s.words {
		all = append(all, "words LIKE "+a.Add(words.PrefixPattern(word))+" ESCAPE '!'")
	}
	for _, c := range s.rest(f) {
		all = append(all, c.sql(a))
	}
	if len(all) == 0 {
		return "1"
	}
	return "CASE WHEN " + strings.Join(all, " AND ") + " THEN 1 ELSE 0 END"
}

// from returns the table to select from: the orders in a finder, or those that are joined.
func (s Selection) from(a *Args, f finder) string {
	switch {
	case s.Attention:
		return s.needingAttention(a)
	case s.narrow != "":
		// SQLite does not reorder a CROSS JOIN. To PostgreSQL it is any join.
		return "(SELECT DISTINCT order_id FROM order_words WHERE " + s.wordRange(a, s.narrow) + ") AS found CROSS JOIN orders"
	case s.indexedBy == "":
		return "orders"
	case s.Customer != "":
		return "orders" + fmt.Sprintf(s.indexedBy, "orders_customer_"+f.index)
	}
	return "orders" + fmt.Sprintf(s.indexedBy, "orders_"+f.index)
}

// needingAttention returns the table of the orders that need attention.
func (s Selection) needingAttention(a *Args) string {
	return "(" + s.attention.FoundSQL(a.Add, s.now, s.Customer, attention.CountLimit+1) + ") AS found CROSS JOIN orders"
}

// MeasureWordSQL counts the orders of a word, up to a limit.
func (s Selection) MeasureWordSQL(word string, limit int) (query string, a Args) {
	query = "SELECT count(*) FROM (SELECT 1 FROM order_words WHERE " + s.wordRange(&a, word) + " LIMIT " + a.Add(limit) + ") AS few"
	return query, a
}

func (s Selection) wordRange(a *Args, word string) string {
	where := "word >= " + a.Add(word) + " AND word <= " + a.Add(word+lastRune)
	if s.Customer != "" {
		where += " AND order_words.customer = " + a.Add(s.Customer)
	}
	return where
}

// inOrder makes PostgreSQL use the index. Where many orders match, it would otherwise read the table.
func (f finder) inOrder() string {
	if f.column == "" {
		return ""
	}
	return " ORDER BY " + f.column
}

// measureSQL counts the orders in the ranges of a finder, per status and up to a limit.
func (s Selection) measureSQL(f finder) (string, Args) {
	var a Args
	var parts []string
	for _, status := range s.possible() {
		parts = append(parts, "SELECT '"+string(status)+"' AS status, count(*) AS n FROM (SELECT 1 AS one FROM "+s.from(&a, f)+" WHERE "+
			strings.Join(s.owned(&a, []order.Status{status}, f), " AND ")+f.inOrder()+" LIMIT "+a.Add(NarrowLimit+1)+") AS few_"+string(status))
	}
	return strings.Join(parts, " UNION ALL "), a
}

// MeasureSQL returns the statements that measure the finders of the selection, for tests of their plans.
func (s Selection) MeasureSQL() (statements map[string]Args) {
	statements = map[string]Args{}
	if s.Joined() || len(s.possible()) == 0 {
		return statements
	}
	for _, f := range s.finders() {
		if len(s.rest(f)) < len(s.conds) {
			query, a := s.measureSQL(f)
			statements[query] = a
		}
	}
	return statements
}

// PageSQL selects the key, the id and the state of the orders of a page, and of one more. The selection must have ranges.
func (s Selection) PageSQL(span Span) (string, Args) {
	var a Args
	return s.merged(func(statuses []order.Status) string { return s.partSQL(&a, statuses, span) }) + " LIMIT " + a.Add(s.Limit+1), a
}

// PartSQL is the part of PageSQL of one of the ranges.
func (s Selection) PartSQL(statuses []order.Status, span Span) (string, Args) {
	var a Args
	return s.partSQL(&a, statuses, span), a
}

// UntilSQL selects the key and the id of the entry at which a page that walks must end, if there is one.
func (s Selection) UntilSQL(span Span) (string, Args) {
	var a Args
	return s.merged(func(statuses []order.Status) string { return s.untilSQL(&a, statuses, span) }) + " LIMIT 1", a
}

// merged merges the parts of all ranges in the order of the list.
func (s Selection) merged(part func([]order.Status) string) string {
	var parts []string
	for i, statuses := range s.Ranges() {
		parts = append(parts, fmt.Sprintf("SELECT * FROM (%s) AS part_%d", part(statuses), i))
	}
	return strings.Join(parts, " UNION ALL ") + s.orderBy()
}

// key returns the column of the sort. With a plus sign its index does not give the order.
func (s Selection) key() string {
	if s.sorted {
		return sortColumns[s.Sort]
	}
	return "+" + sortColumns[s.Sort]
}

// partSQL selects the orders of one range that may be on the page. ORDER BY and LIMIT make PostgreSQL use the index.
func (s Selection) partSQL(a *Args, statuses []order.Status, span Span) string {
	from := s.from(a, s.page)
	where := s.owned(a, statuses, s.page)
	if matches := s.matches(a, s.page); matches != "1" {
		where = append(where, matches+" > 0")
	}
	if s.Joined() {
		where = append(where, "id = order_id")
	}
	where = append(where, s.within(a, span)...)
	return "SELECT " + s.key() + " AS sort_key, id, state FROM " + from + " WHERE " + strings.Join(where, " AND ") +
		s.orderBy() + " LIMIT " + a.Add(s.Limit+1)
}

func (s Selection) untilSQL(a *Args, statuses []order.Status, span Span) string {
	from := s.from(a, s.page)
	where := append(s.owned(a, statuses, s.page), s.within(a, span)...)
	return "SELECT " + s.key() + " AS sort_key, id FROM " + from + " WHERE " + strings.Join(where, " AND ") +
		s.orderBy() + " LIMIT 1 OFFSET " + a.Add(WalkLimit-1)
}

// within returns the conditions of a span.
func (s Selection) within(a *Args, span Span) (all []string) {
	beyond, before := ">", "<="
	if s.Descending {
		beyond, before = "<", ">="
	}
	if span.After.ID != "" {
		all = append(all, "("+s.key()+", id) "+beyond+" ("+a.Add(span.After.Key)+", "+a.Add(span.After.ID)+")")
	}
	if span.Until.ID != "" {
		all = append(all, "("+s.key()+", id) "+before+" ("+a.Add(span.Until.Key)+", "+a.Add(span.Until.ID)+")")
	}
	return all
}

func (s Selection) orderBy() string {
	direction := map[bool]string{false: "ASC", true: "DESC"}[s.Descending]
	return " ORDER BY sort_key " + direction + ", id " + direction
}

// CountSQL selects, for each status and with Totals for each currency, the number of orders read, that of those that match, and
// the sum of their totals. A status of which more than limit orders were read may have more. The selection must have possible
// statuses, see CanMatch.
func (s Selection) CountSQL() (query string, a Args, limit int) {
	currency, total := "''", "0"
	if s.Totals {
		currency, total = currencyOf, "total"
	}
	columns := func(f finder) string {
		return s.matches(&a, f) + " AS matching, " + currency + " AS currency, " + total + " AS amount"
	}
	const sums = ", currency, count(*), coalesce(sum(matching), 0), coalesce(CAST(sum(amount * matching) AS BIGINT), 0) FROM (SELECT "
	if s.Joined() {
		limit = map[bool]int{false: NarrowLimit, true: attention.CountLimit}[s.Attention]
		none := finder{}
		return "SELECT status" + sums + "status, " + columns(none) + " FROM " + s.from(&a, none) + " WHERE id = order_id AND " +
			strings.Join(s.owned(&a, s.possible(), none), " AND ") + ") AS found GROUP BY status, currency", a, limit
	}
	limit, ordered := CountLimit, s.count.inOrder()
	if !s.few && !s.covers(s.count) {
		limit, ordered = RowCountLimit, " ORDER BY created_at DESC, id DESC" // the newest
	}
	var parts []string
	for _, status := range s.possible() {
		name := "'" + string(status) + "'"
		parts = append(parts, "SELECT "+name+" AS status"+sums+columns(s.count)+" FROM "+s.from(&a, s.count)+" WHERE "+
			strings.Join(s.owned(&a, []order.Status{status}, s.count), " AND ")+ordered+" LIMIT "+a.Add(limit+1)+") AS read_"+string(status)+
			" GROUP BY currency")
	}
	return strings.Join(parts, " UNION ALL "), a, limit
}

// CanMatch reports whether an order can match the filter. Without a possible status, PageSQL and CountSQL are not valid SQL.
func (f Filter) CanMatch() bool { return len(f.possible()) > 0 }

// CountAttentionSQL selects the number of orders that need attention, which may be above attention.CountLimit.
func (s Selection) CountAttentionSQL() (string, Args) {
	var a Args
	if s.words == nil && len(s.conds) == 0 && len(s.possible()) == len(order.Statuses) { // the indexes have all that is needed
		return "SELECT count(*) FROM (" + s.attention.FoundSQL(a.Add, s.now, s.Customer, attention.CountLimit) + ") AS found", a
	}
	none := finder{}
	return "SELECT coalesce(sum(" + s.matches(&a, none) + "), 0) FROM " + s.needingAttention(&a) + " WHERE id = order_id AND " +
		strings.Join(s.owned(&a, s.possible(), none), " AND "), a
}
