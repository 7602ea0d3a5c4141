// Package selection selects orders of the order database by filters, with limited work whatever the size of the table. See plan.go
// for how.
package selection

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/cursors"
)

// Sort is the sort key of a list.
type Sort string

// The sorts. Orders with the same key are sorted by id, in the same direction. Totals of several currencies cannot be compared, so
// SortTotal needs Filter.Currency.
const (
	SortCreated Sort = "created"
	SortUpdated Sort = "updated"
	SortTotal   Sort = "total"
)

var sortColumns = map[Sort]string{"": "created_at", SortCreated: "created_at", SortUpdated: "updated_at", SortTotal: "total"}

// Filter selects orders. Empty fields do not filter, and neither does a Text that is not Searchable. Each word of Text must be
// a prefix of a word of the order; see package words. Attention selects orders that need attention; of each reason only the
// 1,000 that have waited longest.
type Filter struct {
	Customer    string
	Attention   bool
	Operator    bool // also count the orders that need attention
	Totals      bool // also sum the totals
	Text        string
	From, To    time.Time // when it was created: at From or later, before To
	UpdatedFrom time.Time // when its status changed last: at this time or later
	DueBefore   time.Time // confirmed orders that are due before this time
	Currency    string
	MinTotal    int64 // in minor units; needs Currency
	BelowTotal  int64 // exclusive, in minor units; needs Currency
	Payment     order.PaymentStatus
	CancelledBy order.Party
}

// Query selects a page of orders.
type Query struct {
	Filter
	Statuses   []order.Status
	Sort       Sort // SortCreated when empty
	Descending bool
	Limit      int // of a page: 50 when 0, 500 at most
	Cursor     string
}

// ReadsRows reports whether lists and counts with the filter may read many rows, not only a page or an index.
func (f Filter) ReadsRows() bool {
	f.From, f.To, f.Customer, f.Attention, f.Operator = time.Time{}, time.Time{}, "", false, false
	return f != Filter{}
}

// After validates the query and parses its cursor.
func (q Query) After() (c cursors.Page, _ error) {
	if _, ok := sortColumns[q.Sort]; !ok {
		return c, fmt.Errorf("unknown sort %q", q.Sort)
	}
	if q.Currency == "" && (q.Sort == SortTotal || q.MinTotal != 0 || q.BelowTotal != 0) {
		return c, errors.New("totals need a currency")
	}
	for _, status := range q.Statuses {
		if !status.Valid() { // it becomes a part of SQL
			return c, fmt.Errorf("unknown status %q", status)
		}
	}
	if q.Cursor == "" {
		return c, nil
	}
	return cursors.ParsePage(q.Cursor, q.List())
}

// List identifies the selected orders and their sort, without the page.
func (q Query) List() string {
	statuses := slices.Sorted(slices.Values(q.Statuses))
	data, _ := json.Marshal([]any{ // never fails
		q.Customer, statuses, q.Text, q.From.UnixMilli(), q.To.UnixMilli(), q.Sort, q.Descending, q.Attention,
		q.UpdatedFrom.UnixMilli(), q.DueBefore.UnixMilli(), q.Currency, q.MinTotal, q.BelowTotal, q.Payment, q.CancelledBy,
	})
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// possible returns the statuses that orders with the filter can have. The status of a payment follows from the order's status and
// from who cancelled it.
func (f Filter) possible() []order.Status {
	all := order.Statuses
	only := func(statuses ...order.Status) {
		all = slices.DeleteFunc(slices.Clone(all), func(s order.Status) bool { return !slices.Contains(statuses, s) })
	}
	switch f.Payment {
	case "":
	case order.PaymentPending:
		only(order.Created)
	case order.PaymentDone:
		only(order.Confirmed, order.Delivered)
	default:
		only(order.Cancelled)
	}
	if f.CancelledBy != "" {
		only(order.Cancelled)
	}
	if !f.DueBefore.IsZero() {
		only(order.Confirmed)
	}
	if parties, limited := f.parties(); limited && len(parties) == 0 {
		return nil
	}
	return all
}

// parties returns who may have cancelled the orders, and whether the filter limits that.
func (f Filter) parties() (all []order.Party, limited bool) {
	switch f.Payment {
	case order.PaymentRefused:
		all = []order.Party{order.ByPayment}
	case order.PaymentVoided:
		all = []order.Party{order.ByCustomer, order.ByOperator}
	default:
		if f.CancelledBy == "" {
			return nil, false
		}
		return []order.Party{f.CancelledBy}, true
	}
	if f.CancelledBy != "" {
		all = slices.DeleteFunc(all, func(p order.Party) bool { return p != f.CancelledBy })
	}
	return all, true
}

// statuses returns the statuses to select, of those that are possible.
func (q Query) statuses() []order.Status {
	possible := q.possible()
	if len(q.Statuses) == 0 {
		return possible
	}
	return slices.DeleteFunc(slices.Clone(possible), func(s order.Status) bool { return !slices.Contains(q.Statuses, s) })
}
