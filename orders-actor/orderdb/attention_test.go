package orderdb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/attention"
)

// lateShop stores orders of all statuses with ages around the threshold, and marks some as inconsistent. It returns the
// reasons of each order that needs attention.
func lateShop(t *testing.T, db *orderdb.DB, n int) (all []order.State, reasons map[string][]attention.Reason) {
	t.Helper()
	now := time.Now()
	reasons = map[string][]attention.Reason{}
	for i := range n {
		s := newOrder(t, []string{"alice", "bob"}[i%2], now.Add(-time.Duration(i%5)*time.Hour-time.Minute), order.Item{SKU: fmt.Sprintf("sku-%d", i%3), Name: "Tea", Quantity: 1, UnitPrice: 100})
		marks := attention.Marks{Inconsistent: i%7 == 0}
		switch i / 2 % 5 {
		case 1:
			s = settled(t, s, true, s.CreatedAt)
		case 2:
			s = cancelled(t, s, s.CreatedAt)
			marks.VoidPending = true
		case 3:
			s, _ = settled(t, s, true, s.CreatedAt).Deliver(now)
		case 4:
			s, _ = cancelled(t, s, s.CreatedAt).Voided()
		}
		if marks.Inconsistent {
			require.NoError(t, db.SetFindings(t.Context(), s.ID, now, []string{"reminder-missing"}))
		}
		if found := attention.Of(s.Order, marks, now, db.After); found != nil {
			reasons[s.ID] = found
		}
		all = append(all, s)
	}
	put(t, db, all...)
	return all, reasons
}

func TestListOfOrdersThatNeedAttention(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		db.After = 2 * time.Hour
		all, reasons := lateShop(t, db, 140)
		rapid.Check(t, func(r *rapid.T) {
			q := orderdb.Query{
				Filter: orderdb.Filter{
					Customer: rapid.SampledFrom([]string{"", "alice", "carol"}).Draw(r, "customer"), Attention: true, Operator: true,
					Text:     rapid.SampledFrom([]string{"", "sku-1", "te", "none"}).Draw(r, "text"),
					Currency: rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(r, "currency"),
					Payment:  rapid.SampledFrom([]order.PaymentStatus{"", "", order.PaymentDone, order.PaymentVoided}).Draw(r, "payment"),
				},
				Statuses: rapid.SampledFrom([][]order.Status{nil, {order.Created}, {order.Delivered, order.Confirmed}}).Draw(r, "statuses"),
				Sort:     rapid.SampledFrom([]orderdb.Sort{orderdb.SortCreated, orderdb.SortUpdated, orderdb.SortTotal}).Draw(r, "sort"),
				Limit:    rapid.IntRange(1, 60).Draw(r, "limit"), Descending: rapid.Bool().Draw(r, "descending"),
			}
			var needing []order.State
			for _, s := range all {
				if reasons[s.ID] != nil {
					needing = append(needing, s)
				}
			}
			wantIDs, wantCounts := want(needing, q)
			var ids []string
			for {
				page, err := db.List(t.Context(), q)
				require.NoError(r, err)
				total := 0
				for status, n := range wantCounts {
					require.Equal(r, n, page.Counts[status])
					total += n
				}
				require.Equal(r, total, *page.Attention)
				for _, o := range page.Orders {
					ids = append(ids, o.ID)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			require.Equal(r, wantIDs, ids)
			q.Attention, q.Cursor = false, ""
			page, err := db.List(t.Context(), q)
			require.NoError(r, err)
			counted := q.Filter
			counted.Attention = false
			counts, err := db.Counts(t.Context(), counted)
			require.NoError(r, err)
			require.Equal(r, *page.Attention, *counts.Attention, "the count does not depend on the filter attention")
		})
		page, err := db.List(t.Context(), orderdb.Query{})
		require.NoError(t, err)
		assert.Nil(t, page.Attention, "only for operators")
	})
}

func TestSummaryOfOrdersThatNeedAttention(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		db.After = 2 * time.Hour
		none, err := db.Summary(t.Context(), time.Now())
		require.NoError(t, err)
		require.Empty(t, none)

		all, reasons := lateShop(t, db, 140)
		want := map[attention.Reason]attention.Group{}
		for _, s := range all {
			for _, reason := range reasons[s.ID] {
				g, since := want[reason], s.UpdatedAt
				if reason == attention.Overdue {
					since = *s.DeliverAt
				}
				if g.Reason, g.Count = reason, g.Count+1; g.Oldest.IsZero() || since.Before(g.Oldest) {
					g.Oldest = since
				}
				want[reason] = g
			}
		}
		found, err := db.Summary(t.Context(), time.Now())
		require.NoError(t, err)
		got := map[attention.Reason]attention.Group{}
		for _, g := range found {
			if g.Reason == attention.Inconsistent { // since it was found
				g.Oldest = want[g.Reason].Oldest
			}
			got[g.Reason] = g
		}
		assert.Equal(t, want, got)
	})
}

func TestMarksAndFindings(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		unvoided, other := cancelled(t, newOrder(t, "alice", start), start), newOrder(t, "alice", start)
		put(t, db, unvoided, other)
		require.NoError(t, db.SetFindings(t.Context(), other.ID, start, []string{"actor-missing", "reminder-missing"}))
		require.NoError(t, db.SetFindings(t.Context(), other.ID, start, []string{"actor-missing"}))
		marks, err := db.Marks(t.Context(), unvoided.ID, other.ID, "unknown")
		require.NoError(t, err)
		assert.Equal(t, map[string]attention.Marks{unvoided.ID: {VoidPending: true}, other.ID: {Inconsistent: true}}, marks)
		for range 2 {
			require.NoError(t, db.SetFindings(t.Context(), other.ID, start, nil))
		}
		marks, err = db.Marks(t.Context(), other.ID)
		require.NoError(t, err)
		assert.Equal(t, map[string]attention.Marks{other.ID: {}}, marks)
	})
}

func TestRepairsAreKeptUpToALimit(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		var saved []attention.Repair
		for i := range attention.MaxRepairs + 3 {
			r := attention.Repair{OrderID: "1", At: start.Add(time.Duration(i/2) * time.Second), User: "otto", Reason: "why", RequestID: fmt.Sprintf("r%02d", i)}
			require.NoError(t, db.SaveRepair(t.Context(), r))
			r.Done, r.Steps = true, []order.RepairStep{order.ReminderSet}
			require.NoError(t, db.SaveRepair(t.Context(), r))
			r.OrderID = ""
			saved = append(saved, r)
		}
		repairs, err := db.Repairs(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, saved[3:], repairs)
		none, err := db.Repairs(t.Context(), "2")
		require.NoError(t, err)
		assert.Empty(t, none)
		assert.True(t, slices.IsSortedFunc(repairs, func(a, b attention.Repair) int { return a.At.Compare(b.At) }))
	})
}

func TestOrdersThatNeedAttentionAreMetrics(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		db.After = 30 * time.Minute
		_, reasons := lateShop(t, db, 70)
		want := map[string]float64{}
		for _, of := range reasons {
			for _, reason := range of {
				want[string(reason)]++
			}
		}
		require.Len(t, want, 4)
		registry := prometheus.NewRegistry()
		db.Register(registry)
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 2)
		for _, m := range families[0].GetMetric() {
			assert.InDelta(t, want[m.GetLabel()[0].GetValue()], m.GetGauge().GetValue(), 0, "%s", m.GetLabel())
		}
		for _, m := range families[1].GetMetric() {
			if m.GetLabel()[0].GetValue() != string(attention.Inconsistent) {
				assert.Greater(t, m.GetGauge().GetValue(), db.After.Seconds(), "%s", m.GetLabel())
			}
		}
	})
}
