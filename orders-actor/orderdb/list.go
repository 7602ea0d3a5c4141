package orderdb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/sqldb"
)

// Sort is the sort key of a list.
type Sort string

// The sorts. Orders with the same key are sorted by id, in the same direction.
const (
	SortCreated Sort = "created"
	SortUpdated Sort = "updated"
	SortTotal   Sort = "total"
)

var sortColumns = map[Sort]string{"": "created_at", SortCreated: "created_at", SortUpdated: "updated_at", SortTotal: "total"}

// Query selects orders. Empty fields do not filter, and neither does a Text that is not Searchable. Each word of Text must be
// a prefix of a word of the order; see package words. From is inclusive, To is exclusive. Attention selects orders that need
// attention; of each reason only the 1,000 that have waited longest.
type Query struct {
	Customer   string
	Attention  bool
	Operator   bool // also count the orders that need attention
	Statuses   []order.Status
	Text       string
	From, To   time.Time // when it was created
	Sort       Sort      // SortCreated when empty
	Descending bool
	Limit      int // of a page: 50 when 0, 500 at most
	Cursor     string
}

// Page is a page of a list.
type Page struct {
	Orders []order.Order // see order.Order.Summary
	Next   string        // the cursor of the next page; empty on the last one
	// Counts is the number of orders per status, without the filter Query.Statuses. It is at most CountLimit, or less with a
	// text. AtLeast lists the statuses that may have more.
	Counts  map[order.Status]int
	AtLeast []order.Status
	// Attention is the number of orders that need attention, without Query.Statuses: at most attention.CountLimit. It is nil
	// unless Query.Operator is set.
	Attention *int
	Feed      string // the cursor from which Events returns all changes that are not in the page
}

// Filter selects orders as the fields of Query with these names do.
type Filter struct {
	Customer  string
	Attention bool
	Operator  bool
	Text      string
	From, To  time.Time
}

// Counts is the number of orders per status, within the limits of Page.
type Counts struct {
	PerStatus map[order.Status]int
	AtLeast   []order.Status
	Attention *int
}

const (
	// CountLimit is the largest count per status.
	CountLimit  = 10_000
	pageSize    = 50
	maxPageSize = 500
)

// List returns one page, or ErrBadCursor. The page may be newer than Feed, never older.
func (d *DB) List(ctx context.Context, q Query) (page Page, err error) {
	after, err := q.after()
	if err != nil {
		return Page{}, err
	}
	q.Limit = limitOf(q.Limit)
	err = d.db.Call(ctx, "list orders", pageTimeout, func(ctx context.Context) error {
		if page.Feed, err = d.head(ctx, d.db.Lists); err != nil {
			return err
		}
		s, err := d.plan(ctx, q)
		if err != nil {
			return err
		}
		counts, err := d.count(ctx, s)
		if err != nil {
			return err
		}
		page.Counts, page.AtLeast, page.Attention = counts.PerStatus, counts.AtLeast, counts.Attention
		page.Orders, page.Next, err = d.page(ctx, s, after)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// Counts returns the counts of a page with this filter. It reads no orders for them that List does not read.
func (d *DB) Counts(ctx context.Context, f Filter) (counts Counts, err error) {
	err = d.db.Call(ctx, "count orders", pageTimeout, func(ctx context.Context) error {
		s, err := d.plan(ctx, f.query())
		if err != nil {
			return err
		}
		counts, err = d.count(ctx, s)
		return err
	})
	if err != nil {
		return Counts{}, err
	}
	return counts, nil
}

// Export calls each with the summaries of all selected orders, in the order of the list, until it returns an error. It holds
// one page in memory. With SortUpdated, orders that change meanwhile may be exported twice or not at all.
func (d *DB) Export(ctx context.Context, q Query, each func(order.Order) error) error {
	after, err := q.after()
	if err != nil {
		return err
	}
	q.Limit = maxPageSize
	var s selection
	err = d.db.Call(ctx, "export orders", pageTimeout, func(ctx context.Context) (err error) {
		s, err = d.plan(ctx, q)
		return err
	})
	for err == nil {
		var orders []order.Order
		var next string
		err = d.db.Call(ctx, "export orders", pageTimeout, func(ctx context.Context) (err error) {
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
		after, err = cursors.ParsePage(next, q.list())
	}
	return err
}

// after validates the query and parses its cursor.
func (q Query) after() (c cursors.Page, _ error) {
	if _, ok := sortColumns[q.Sort]; !ok {
		return c, fmt.Errorf("unknown sort %q", q.Sort)
	}
	for _, status := range q.Statuses {
		if !status.Valid() { // it becomes a part of SQL
			return c, fmt.Errorf("unknown status %q", status)
		}
	}
	if q.Cursor == "" {
		return c, nil
	}
	return cursors.ParsePage(q.Cursor, q.list())
}

func (f Filter) query() Query {
	return Query{Customer: f.Customer, Attention: f.Attention, Operator: f.Operator, Text: f.Text, From: f.From, To: f.To}
}

func limitOf(limit int) int { return min(cmp.Or(max(limit, 0), pageSize), maxPageSize) }

func (d *DB) page(ctx context.Context, s selection, after cursors.Page) (orders []order.Order, next string, _ error) {
	type row struct {
		key   int64
		id    string
		order order.Order
	}
	query, a := s.pageSQL(after)
	found, err := sqldb.Rows(ctx, d.db.Lists, query, a, func(scan sqldb.Scan, r *row) error { return scan(&r.key, &r.id, sqldb.JSON{V: &r.order}) })
	if err != nil {
		return nil, "", err
	}
	if len(found) > s.Limit {
		found = found[:s.Limit]
		last := found[s.Limit-1]
		next = cursors.Page{List: s.list(), Key: last.key, ID: last.id}.String()
	}
	for _, r := range found {
		orders = append(orders, r.order.Summary())
	}
	return orders, next, nil
}

func (d *DB) count(ctx context.Context, s selection) (c Counts, _ error) {
	type row struct {
		status         order.Status
		read, matching int
	}
	query, a, limit := s.countSQL()
	found, err := sqldb.Rows(ctx, d.db.Lists, query, a, func(scan sqldb.Scan, r *row) error { return scan(&r.status, &r.read, &r.matching) })
	if err != nil {
		return Counts{}, err
	}
	c.PerStatus = map[order.Status]int{}
	for _, r := range found {
		c.PerStatus[r.status] = min(r.matching, limit)
		if r.read > limit {
			c.AtLeast = append(c.AtLeast, r.status)
		}
	}
	if s.Operator {
		var n int
		query, a := s.countAttentionSQL()
		if err := d.db.Lists.QueryRowContext(ctx, query, a...).Scan(&n); err != nil {
			return Counts{}, err
		}
		c.Attention = new(min(n, attention.CountLimit))
	}
	return c, nil
}

// list identifies the selection and its order, without the page.
func (q Query) list() string {
	statuses := slices.Sorted(slices.Values(q.Statuses))
	data, _ := json.Marshal([]any{q.Customer, statuses, q.Text, q.From.UnixMilli(), q.To.UnixMilli(), q.Sort, q.Descending, q.Attention}) // never fails
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
