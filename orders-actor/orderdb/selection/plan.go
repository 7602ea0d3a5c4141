package selection

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/words"
)

// How reads of lists are limited, whatever the size of the table:
//
// A finder is an index with a range per status that answers some of the filters. If the finder that has the order of the list
// answers all of them, a page reads up to one page from the range of each status and merges them.
//
// Otherwise, if any finder or word matches few orders (NarrowLimit), these are read and sorted. If none does, the index of the sort
// is walked: each page reads up to WalkLimit entries per status and skips those that do not match. So a page may have fewer orders
// than its limit, or none, though others follow. Its cursor is where the walk has ended.

const (
	// CountLimit is the largest count per status.
	CountLimit = 10_000
	// RowCountLimit is the number of orders per status that are read for a count that no index answers.
	RowCountLimit = 2_000
	// NarrowLimit is the number of orders that a list sorts instead of walking an index.
	NarrowLimit = 5_000
	// WalkLimit is the number of entries per status that a page reads at most.
	WalkLimit = 5_000

	maxMeasured = 8 // words of a query that are counted to find the rarest one
)

// filters are the names of the conditions that a filter has besides customer, statuses and text.
const (
	byCreated   = "created"
	byUpdated   = "updated"
	byDue       = "due"
	byCurrency  = "currency"
	byTotal     = "total"
	byCancelled = "cancelled"
)

// finder is an index of orders by status.
type finder struct {
	index   string   // without its prefix, see Selection.from
	column  string   // the column of its order within a status; empty if there is none
	answers []string // conditions
}

// Selection is a query and how to find its orders.
type Selection struct {
	Query
	words  []string
	narrow string // the word to find the orders by, if any
	page   finder // where pages find the orders
	sorted bool   // page has the order of the list
	count  finder // where counts find the orders
	few    bool   // count matches at most NarrowLimit orders
	conds  []condition

	indexedBy string // of the dialect
	attention *attention.Store
	now       time.Time
}

// Joined reports whether another table or query gives the ids of the orders, which are then sorted.
func (s Selection) Joined() bool { return s.narrow != "" || s.Attention }

// Words returns the words of the text.
func (s Selection) Words() []string { return s.words }

// Plan chooses how to find the orders, by how many of them match the filters.
func Plan(ctx context.Context, db *sqldb.DB, a *attention.Store, now time.Time, q Query) (Selection, error) {
	s := Selection{Query: q, words: words.OfQuery(q.Text), indexedBy: db.IndexedBy, attention: a, now: now}
	s.conds = s.conditions()
	if q.Attention {
		return s, nil
	}
	if err := s.measureWords(ctx, db); err != nil || s.narrow != "" {
		return s, err
	}
	finders := s.finders()
	column := sortColumns[q.Sort]
	s.count = finders[0]
	counted := false
	for _, f := range finders {
		if f.column == column && (!s.sorted || s.covers(f) || !s.covers(s.page)) {
			s.page, s.sorted = f, true
		}
		if s.covers(f) && !counted {
			s.count, counted = f, true
		}
	}
	if s.covers(s.page) {
		return s, nil
	}
	return s, s.measureFinders(ctx, db, finders, counted)
}

// finders returns the indexes that may find the orders, beginning with the one by creation. All orders of a customer are found
// with indexes by customer, so that the duration of a call tells nothing about orders of others.
func (s Selection) finders() []finder {
	all := []finder{{"created", "created_at", []string{byCreated}}, {"updated", "updated_at", []string{byUpdated}}}
	if s.Currency != "" {
		all = append(all, finder{"currency", "total", []string{byCurrency, byTotal}})
	}
	if s.Customer != "" {
		return all
	}
	if !s.DueBefore.IsZero() {
		all = append(all, finder{"due", "deliver_at", []string{byDue}})
	}
	if parties, limited := s.parties(); limited {
		f := finder{"cancelled", "created_at", []string{byCancelled, byCreated}}
		if len(parties) > 1 {
			f.column = ""
		}
		all = append(all, f)
	}
	return all
}

// covers reports whether a finder answers all conditions.
func (s Selection) covers(f finder) bool { return s.words == nil && len(s.rest(f)) == 0 }

// rest returns the conditions that a finder does not answer.
func (s Selection) rest(f finder) (rest []condition) {
	for _, c := range s.conds {
		if !slices.Contains(f.answers, c.name) {
			rest = append(rest, c)
		}
	}
	return rest
}

// measureFinders finds pages and counts with the finder that matches the fewest orders, if these are few. Counts keep theirs if
// it answers all conditions.
func (s *Selection) measureFinders(ctx context.Context, db *sqldb.DB, finders []finder, counted bool) error {
	fewestOnPage, fewestInAll := NarrowLimit, NarrowLimit
	for _, f := range finders {
		if len(s.rest(f)) == len(s.conds) || len(s.possible()) == 0 {
			continue
		}
		type row struct {
			status order.Status
			n      int
		}
		query, a := s.measureSQL(f)
		found, err := sqldb.Rows(ctx, db.Lists, query, a, func(scan sqldb.Scan, r *row) error { return scan(&r.status, &r.n) })
		if err != nil {
			return err
		}
		onPage, inAll := 0, 0
		for _, r := range found {
			inAll += r.n
			if slices.Contains(s.statuses(), r.status) {
				onPage += r.n
			}
		}
		if onPage <= fewestOnPage {
			s.page, s.sorted, fewestOnPage = f, false, onPage
		}
		if inAll <= fewestInAll && !counted {
			s.count, s.few, fewestInAll = f, true, inAll
		}
	}
	return nil
}

// measureWords finds the orders with the rarest word, if few have it.
func (s *Selection) measureWords(ctx context.Context, db *sqldb.DB) error {
	measured, err := s.measurable(ctx, db)
	if err != nil {
		return err
	}
	fewest := NarrowLimit + 1
	for _, word := range measured {
		var n int
		query, a := s.MeasureWordSQL(word, fewest)
		if err := db.Lists.QueryRowContext(ctx, query, a...).Scan(&n); err != nil {
			return err
		}
		if n < fewest {
			s.narrow, fewest = word, n
		}
	}
	return nil
}

// OutdatedOfCustomer reports whether Reindex has orders of the customer to reindex. The condition is that of an index.
var OutdatedOfCustomer = fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM orders WHERE customer = $1 AND words_version < %d)`, words.Version)

// measurable returns the words that may be used to find the orders. The orders of a customer are found with an index of that
// customer's words only. That index has neither the words of the customer's own name nor the orders that Reindex has not
// reindexed yet.
func (s Selection) measurable(ctx context.Context, db *sqldb.DB) ([]string, error) {
	candidates := s.words
	if s.Customer != "" && candidates != nil {
		var outdated bool
		err := db.Lists.QueryRowContext(ctx, OutdatedOfCustomer, s.Customer).Scan(&outdated)
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

// Walks reports whether pages may skip orders, so that WalkLimit limits them.
func (s Selection) Walks() bool { return !s.Joined() && s.sorted && !s.covers(s.page) }

// Ranges returns the groups of statuses that need a query each: each status has its own range of a finder, but a word and
// attention find the orders of all statuses. There are none if no order can match.
func (s Selection) Ranges() [][]order.Status {
	statuses := s.statuses()
	if s.Joined() && len(statuses) > 0 {
		return [][]order.Status{statuses}
	}
	return slices.Collect(slices.Chunk(statuses, 1))
}

// Span is the part of the list that a page may read: after After, and until Until, if their ids are set.
type Span struct{ After, Until cursors.Page }
