package orderdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/selection"
	"orders/orders-actor/orderdb/sqldb"
)

type (
	// Query is selection.Query.
	Query = selection.Query
	// Filter is selection.Filter.
	Filter = selection.Filter
	// Sort is selection.Sort.
	Sort = selection.Sort
)

// See selection.Sort.
const (
	SortCreated = selection.SortCreated
	SortUpdated = selection.SortUpdated
	SortTotal   = selection.SortTotal
)

// Page is a page of a list.
type Page struct {
	// Orders are summaries, see order.Order.Summary. They may be fewer than Query.Limit, also none, on a page that is not the last.
	Orders []order.Order
	Next   string // the cursor of the next page; empty on the last one
	// Counts is the number of orders per status, without the filter Query.Statuses. It is at most CountLimit, or less with
	// filters that no index answers. AtLeast lists the statuses that may have more.
	Counts  map[order.Status]int
	AtLeast []order.Status
	// Attention is the number of orders that need attention, without Query.Statuses: at most attention.CountLimit. It is nil
	// unless Query.Operator is set.
	Attention *int
	Feed      string // the cursor from which Events returns all changes that are not in the page
}

// Counts is the number of orders per status, within the limits of Page.
type Counts struct {
	PerStatus map[order.Status]int
	AtLeast   []order.Status
	Attention *int
	// Totals is the number of orders and the sum of their totals in minor units, per currency, without cancelled orders. It is nil
	// unless Filter.Totals is set, and has only counted orders.
	Totals map[string]Total
}

// Total is the total of some orders in one currency, in minor units.
type Total struct {
	Orders int
	Total  int64
}

const (
	// CountLimit is the largest count per status.
	CountLimit  = selection.CountLimit
	pageSize    = 50
	maxPageSize = 500
)

// List returns one page, or ErrBadCursor. The page may be newer than Feed, never older.
func (d *DB) List(ctx context.Context, q Query) (page Page, err error) {
	after, err := q.After()
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
		s, err := d.plan(ctx, Query{Filter: f})
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
	after, err := q.After()
	if err != nil {
		return err
	}
	q.Limit = maxPageSize
	var s selection.Selection
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
		after, err = cursors.ParsePage(next, q.List())
	}
	return err
}

func (d *DB) plan(ctx context.Context, q Query) (selection.Selection, error) {
	return selection.Plan(ctx, d.db, d.Store, d.clock(), q)
}

func limitOf(limit int) int { return min(cmp.Or(max(limit, 0), pageSize), maxPageSize) }

func (d *DB) page(ctx context.Context, s selection.Selection, after cursors.Page) (orders []order.Order, next string, _ error) {
	if len(s.Ranges()) == 0 {
		return nil, "", nil
	}
	type row struct {
		key   int64
		id    string
		order order.Order
	}
	span := selection.Span{After: after}
	if s.Walks() {
		query, a := s.UntilSQL(span)
		until := &span.Until
		if err := d.db.Lists.QueryRowContext(ctx, query, a...).Scan(&until.Key, &until.ID); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, "", err
		}
	}
	query, a := s.PageSQL(span)
	found, err := sqldb.Rows(ctx, d.db.Lists, query, a, func(scan sqldb.Scan, r *row) error { return scan(&r.key, &r.id, sqldb.JSON{V: &r.order}) })
	if err != nil {
		return nil, "", err
	}
	switch {
	case len(found) > s.Limit:
		found = found[:s.Limit]
		last := found[s.Limit-1]
		next = cursors.Page{List: s.List(), Key: last.key, ID: last.id}.String()
	case span.Until.ID != "":
		next = cursors.Page{List: s.List(), Key: span.Until.Key, ID: span.Until.ID}.String()
	}
	for _, r := range found {
		orders = append(orders, r.order.Summary())
	}
	return orders, next, nil
}

func (d *DB) count(ctx context.Context, s selection.Selection) (c Counts, _ error) {
	c.PerStatus = map[order.Status]int{}
	if s.Totals {
		c.Totals = map[string]Total{}
	}
	if s.CanMatch() {
		if err := d.countOrders(ctx, s, &c); err != nil {
			return Counts{}, err
		}
	}
	if !s.Operator {
		return c, nil
	}
	c.Attention = new(0)
	if s.CanMatch() {
		query, a := s.CountAttentionSQL()
		if err := d.db.Lists.QueryRowContext(ctx, query, a...).Scan(c.Attention); err != nil {
			return Counts{}, err
		}
		*c.Attention = min(*c.Attention, attention.CountLimit)
	}
	return c, nil
}

func (d *DB) countOrders(ctx context.Context, s selection.Selection, c *Counts) error {
	type row struct {
		status         order.Status
		currency       string
		read, matching int
		total          int64
	}
	query, a, limit := s.CountSQL()
	found, err := sqldb.Rows(ctx, d.db.Lists, query, a, func(scan sqldb.Scan, r *row) error {
		return scan(&r.status, &r.currency, &r.read, &r.matching, &r.total)
	})
	if err != nil {
		return err
	}
	read := map[order.Status]int{}
	for _, r := range found {
		c.PerStatus[r.status] += r.matching
		read[r.status] += r.read
		if s.Totals && r.status != order.Cancelled && r.matching > 0 {
			t := c.Totals[r.currency]
			c.Totals[r.currency] = Total{t.Orders + r.matching, t.Total + r.total}
		}
	}
	for _, status := range order.Statuses {
		if read[status] > limit {
			c.PerStatus[status] = min(c.PerStatus[status], limit)
			c.AtLeast = append(c.AtLeast, status)
		}
	}
	return nil
}
