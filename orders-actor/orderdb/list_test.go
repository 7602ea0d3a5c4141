package orderdb_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// shop stores orders of a few customers in all statuses.
func shop(t *testing.T, db *orderdb.DB, n int) (all []order.State) {
	t.Helper()
	names := []string{"Green tea", "Black Tea", "Käse 100%", "Cup (blue)", "tea_pot!"}
	for i := range n {
		item := order.Item{SKU: fmt.Sprintf("sku-%d", i%3), Name: names[i%len(names)], Quantity: 1 + i%4, UnitPrice: 100}
		s := newOrder(t, []string{"alice", "bob", "carol@example.com"}[i%3], start.Add(time.Duration(i/2)*time.Second), item)
		s.Currency = []string{"EUR", "EUR", "JPY"}[i/4%3]
		switch i % 4 {
		case 1:
			s = settled(t, s, true, start.Add(time.Duration(i*7%40)*time.Minute))
		case 2:
			s = cancelled(t, s, start.Add(time.Duration(i*7%40)*time.Minute))
			if i%8 == 2 {
				s.Cancellation.By = order.ByOperator
			}
		case 3:
			s = settled(t, s, false, start.Add(time.Duration(i*7%40)*time.Minute))
		}
		all = append(all, s)
	}
	put(t, db, all...)
	return all
}

// want computes the list with a loop over all orders.
func want(all []order.State, q orderdb.Query) (ids []string, counts map[order.Status]int) {
	counts = map[order.Status]int{}
	var found []order.State
	for _, s := range all {
		if !selects(q.Filter, s.Order) {
			continue
		}
		counts[s.Status]++
		if len(q.Statuses) == 0 || slices.Contains(q.Statuses, s.Status) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b order.State) int {
		by := map[orderdb.Sort]int{
			orderdb.SortCreated: a.CreatedAt.Compare(b.CreatedAt), orderdb.SortUpdated: a.UpdatedAt.Compare(b.UpdatedAt),
			orderdb.SortTotal: cmp.Compare(a.Total, b.Total),
		}[q.Sort]
		by = cmp.Or(by, cmp.Compare(a.ID, b.ID))
		if q.Descending {
			return -by
		}
		return by
	})
	for _, s := range found {
		ids = append(ids, s.ID)
	}
	return ids, counts
}

func selects(f orderdb.Filter, o order.Order) bool {
	switch {
	case f.Customer != "" && o.Customer != f.Customer, !f.From.IsZero() && o.CreatedAt.Before(f.From), !f.To.IsZero() && !o.CreatedAt.Before(f.To),
		o.UpdatedAt.Before(f.UpdatedFrom), f.Currency != "" && o.Currency != f.Currency, o.Total < f.MinTotal,
		f.BelowTotal != 0 && o.Total >= f.BelowTotal, f.Payment != "" && o.Payment.Status != f.Payment,
		f.CancelledBy != "" && (o.Cancellation == nil || o.Cancellation.By != f.CancelledBy),
		!f.DueBefore.IsZero() && (o.Status != order.Confirmed || !o.DeliverAt.Before(f.DueBefore)):
		return false
	}
	return contains(o, f.Text)
}

// totals computes the sums of the orders that are not cancelled.
func totals(all []order.State, f orderdb.Filter) map[string]orderdb.Total {
	sums := map[string]orderdb.Total{}
	for _, s := range all {
		if selects(f, s.Order) && s.Status != order.Cancelled {
			t := sums[s.Currency]
			sums[s.Currency] = orderdb.Total{Orders: t.Orders + 1, Total: t.Total + s.Total}
		}
	}
	return sums
}

// drawFilter draws a filter of the orders of shop.
func drawFilter(r *rapid.T, id string) (f orderdb.Filter) {
	f.Customer = rapid.SampledFrom([]string{"", "", "alice", "unknown"}).Draw(r, "customer")
	f.Text = rapid.SampledFrom([]string{"", "", "tea", "TEA gre", "ea", "sku-1", "käse", "KASE", "100%", "\"tea\", (blue)", "tea_", "teax", "example", "blue", id}).Draw(r, "text")
	if rapid.Bool().Draw(r, "ranged") {
		f.From, f.To = start.Add(5*time.Second), start.Add(20*time.Second)
	}
	f.Currency = rapid.SampledFrom([]string{"", "", "EUR", "JPY", "USD"}).Draw(r, "currency")
	if f.Currency != "" {
		f.MinTotal = rapid.SampledFrom([]int64{0, 200, 300}).Draw(r, "at least")
		f.BelowTotal = rapid.SampledFrom([]int64{0, 301, 400}).Draw(r, "below")
	}
	f.Payment = rapid.SampledFrom([]order.PaymentStatus{"", "", "", order.PaymentPending, order.PaymentDone, order.PaymentRefused, order.PaymentVoided}).Draw(r, "payment")
	f.CancelledBy = rapid.SampledFrom([]order.Party{"", "", "", order.ByCustomer, order.ByOperator, order.ByPayment}).Draw(r, "cancelled by")
	f.UpdatedFrom = rapid.SampledFrom([]time.Time{{}, {}, start.Add(14 * time.Minute)}).Draw(r, "updated from")
	f.DueBefore = rapid.SampledFrom([]time.Time{{}, {}, start.Add(20 * time.Minute)}).Draw(r, "due before")
	return f
}

// contains searches for words after a space, in the text and in a copy with spaces for separators. It supports only the
// characters that shop uses.
func contains(o order.Order, text string) bool {
	haystack := " " + strings.ToLower(o.ID+" "+o.Customer+" "+o.Items[0].SKU+" "+o.Items[0].Name)
	haystack += strings.NewReplacer("-", " ", "_", " ", "@", " ", ".", " ", "(", " ").Replace(haystack)
	haystack = strings.ReplaceAll(haystack, "ä", "a")
	for word := range strings.FieldsSeq(strings.ReplaceAll(strings.ToLower(text), "ä", "a")) {
		if !strings.Contains(haystack, " "+strings.Trim(word, "%_(),\"")) {
			return false
		}
	}
	return true
}

func TestListsMatchTheirQuery(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		all := shop(t, db, 40)
		rapid.Check(t, func(r *rapid.T) {
			q := orderdb.Query{
				Filter:     drawFilter(r, all[7].ID),
				Statuses:   rapid.SliceOfDistinct(rapid.SampledFrom(order.Statuses), rapid.ID).Draw(r, "statuses"),
				Sort:       rapid.SampledFrom([]orderdb.Sort{orderdb.SortCreated, orderdb.SortUpdated, orderdb.SortTotal}).Draw(r, "sort"),
				Descending: rapid.Bool().Draw(r, "descending"),
				Limit:      rapid.SampledFrom([]int{6, 13, 100}).Draw(r, "limit"),
			}
			if q.Currency == "" && q.Sort == orderdb.SortTotal {
				q.Sort = orderdb.SortUpdated
			}
			ids, counts := want(all, q)
			summed := q.Filter
			summed.Totals = true
			alone, err := db.Counts(context.Background(), summed)
			require.NoError(r, err)
			require.Equal(r, totals(all, q.Filter), alone.Totals)
			for _, status := range order.Statuses {
				require.Equal(r, counts[status], alone.PerStatus[status], status)
			}
			require.Empty(r, alone.AtLeast)

			var got []string
			for page := 0; ; page++ {
				p, err := db.List(context.Background(), q)
				require.NoError(r, err)
				for _, status := range order.Statuses {
					require.Equal(r, counts[status], p.Counts[status], status)
				}
				require.Empty(r, p.AtLeast)
				for _, o := range p.Orders {
					require.Len(r, o.History, 1)
					got = append(got, o.ID)
				}
				if p.Next == "" {
					break
				}
				require.Len(r, p.Orders, q.Limit)
				q.Cursor = p.Next
			}
			require.Equal(r, ids, got)

			q.Cursor = ""
			var exported []string
			require.NoError(r, db.Export(context.Background(), q, func(o order.Order) error {
				exported = append(exported, o.ID)
				return nil
			}))
			require.Equal(r, ids, exported)
		})
	})
}

// Each order that does not change while pages are read is on exactly one page.
func TestPagesHoldUnchangedOrdersOnce(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		all := shop(t, db, 40)
		for _, sort := range []orderdb.Sort{orderdb.SortCreated, orderdb.SortUpdated, orderdb.SortTotal} {
			for _, descending := range []bool{false, true} {
				seen := map[string]int{}
				q := orderdb.Query{Filter: orderdb.Filter{Currency: "EUR"}, Sort: sort, Descending: descending, Limit: 7}
				for i := 0; ; i++ {
					page, err := db.List(t.Context(), q)
					require.NoError(t, err)
					for _, o := range page.Orders {
						seen[o.ID]++
					}
					if page.Next == "" {
						break
					}
					q.Cursor = page.Next
					put(t, db, newOrder(t, "alice", start.Add(time.Duration(i)*time.Second)), newOrder(t, "dave", start.Add(time.Hour)))
					for j, s := range all { // one of the old orders changes
						if !s.Status.Final() && s.Status == order.Created {
							all[j] = cancelled(t, s, start.Add(2*time.Hour))
							put(t, db, all[j])
							seen[s.ID] = -1000
							break
						}
					}
				}
				for _, s := range all {
					if seen[s.ID] >= 0 && s.Currency == "EUR" {
						require.Equal(t, 1, seen[s.ID], "%s %v", sort, descending)
					}
				}
			}
		}
	})
}

func TestPageCursorsBelongToTheirList(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		shop(t, db, 10)
		q := orderdb.Query{Filter: orderdb.Filter{Currency: "EUR"}, Limit: 3, Sort: orderdb.SortTotal, Statuses: []order.Status{order.Created, order.Cancelled}}
		page, err := db.List(t.Context(), q)
		require.NoError(t, err)
		q.Cursor = page.Next
		q.Statuses = []order.Status{order.Cancelled, order.Created}
		_, err = db.List(t.Context(), q)
		require.NoError(t, err, "the same statuses in another order are the same list")
		for name, change := range map[string]func(*orderdb.Query){
			"sort":      func(q *orderdb.Query) { q.Sort = orderdb.SortCreated },
			"direction": func(q *orderdb.Query) { q.Descending = true },
			"customer":  func(q *orderdb.Query) { q.Customer = "alice" },
			"statuses":  func(q *orderdb.Query) { q.Statuses = nil },
			"text":      func(q *orderdb.Query) { q.Text = "tea" },
			"from":      func(q *orderdb.Query) { q.From = start },
			"updated":   func(q *orderdb.Query) { q.UpdatedFrom = start },
			"due":       func(q *orderdb.Query) { q.DueBefore = start },
			"currency":  func(q *orderdb.Query) { q.Currency = "JPY" },
			"at least":  func(q *orderdb.Query) { q.MinTotal = 1 },
			"below":     func(q *orderdb.Query) { q.BelowTotal = 1000 },
			"payment":   func(q *orderdb.Query) { q.Payment = order.PaymentVoided },
			"cancelled": func(q *orderdb.Query) { q.CancelledBy = order.ByCustomer },
			"truncated": func(q *orderdb.Query) { q.Cursor = q.Cursor[:10] },
			"version":   func(q *orderdb.Query) { q.Cursor = "9" + q.Cursor[1:] },
			"invalid":   func(q *orderdb.Query) { q.Cursor = "1e30" },
		} {
			other := q
			change(&other)
			_, err := db.List(t.Context(), other)
			require.ErrorIs(t, err, orderdb.ErrBadCursor, name)
			require.ErrorIs(t, db.Export(t.Context(), other, nil), orderdb.ErrBadCursor, name)
		}
	})
}

func TestTotalsNeedCurrency(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		for _, q := range []orderdb.Query{{Sort: orderdb.SortTotal}, {Filter: orderdb.Filter{MinTotal: 1}}, {Filter: orderdb.Filter{BelowTotal: 1}}} {
			_, err := db.List(t.Context(), q)
			require.Error(t, err)
		}
	})
}

func TestExportEndsAtError(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		shop(t, db, 10)
		stop := errors.New("stop")
		n := 0
		err := db.Export(t.Context(), orderdb.Query{}, func(order.Order) error {
			if n++; n == 3 {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.Equal(t, 3, n)
	})
}

func TestSearchFindsEachItemOfLongOrder(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		items := make([]order.Item, 100)
		for i := range items {
			var name strings.Builder
			for word := range 25 {
				fmt.Fprintf(&name, "w%dn%d ", i, word)
			}
			items[i] = order.Item{SKU: fmt.Sprintf("part-%d", i), Name: name.String(), Quantity: 1, UnitPrice: 100}
		}
		long := newOrder(t, "alice", start, items...)
		put(t, db, long)
		for _, text := range []string{"part-0", "part-77", "part-99", "w99n24"} {
			for _, customer := range []string{"", "alice"} {
				page, err := db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Text: text, Customer: customer}})
				require.NoError(t, err)
				require.Len(t, page.Orders, 1, text)
			}
		}
	})
}
