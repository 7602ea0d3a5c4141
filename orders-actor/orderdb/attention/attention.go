// Package attention finds the orders that need an operator, or the reconciler.
//
// Whether an order is late follows from its row and the current time, so nothing is written for it, and it ends with the
// cause. Only the result of an inspection is stored: that an order is inconsistent.
package attention

import (
	"cmp"
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/sqldb"
)

// Reason is why an order needs an operator.
type Reason string

// The reasons. An order is late when it has waited for longer than Store.After.
const (
	Unpaid       Reason = "unpaid"       // the payment is late
	Overdue      Reason = "overdue"      // the delivery is late
	VoidPending  Reason = "void-pending" // the void is late
	Inconsistent Reason = "inconsistent" // an inspection found that its stores differ
)

// Marks are what reasons depend on besides the order itself.
type Marks struct {
	VoidPending  bool
	Inconsistent bool
}

// Of returns the reasons why an order needs an operator now, if any. after is how long an order may wait.
func Of(o order.Order, m Marks, now time.Time, after time.Duration) (reasons []Reason) {
	limit := threshold(now, after)
	switch {
	case o.Status == order.Created && o.UpdatedAt.UnixMilli() < limit:
		reasons = append(reasons, Unpaid)
	case o.Status == order.Confirmed && o.DeliverAt != nil && o.DeliverAt.UnixMilli() < limit:
		reasons = append(reasons, Overdue)
	}
	if m.VoidPending && o.UpdatedAt.UnixMilli() < limit {
		reasons = append(reasons, VoidPending)
	}
	if m.Inconsistent {
		reasons = append(reasons, Inconsistent)
	}
	return reasons
}

// threshold is in milliseconds, as the columns are.
func threshold(now time.Time, after time.Duration) int64 { return now.Add(-after).UnixMilli() }

const (
	// DefaultAfter is the default of Store.After.
	DefaultAfter = time.Minute
	// CountLimit is the largest count of orders that need attention, and the number of orders of each reason that a list of them
	// may have. With more, PostgreSQL joins them with all orders.
	CountLimit = 1_000
	// OpenLimit is the largest number of open orders that Current counts of each kind.
	OpenLimit = 10_000

	callTimeout = 5 * time.Second
)

// Store is the part of the order database that this package needs. Its methods may be called concurrently.
type Store struct {
	// After is how long an order may wait for its payment, delivery or void before it needs attention. It must be set before
	// the first call.
	After time.Duration

	db *sqldb.DB
}

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{After: DefaultAfter, db: db} }

// Each of these conditions has an index.
const (
	unpaid  = `status = 'created' AND updated_at < $1`
	overdue = `status = 'confirmed' AND deliver_at < $1`
	voids   = `void_owed AND updated_at < $1`
)

// The queries of Stuck.
const (
	StuckUnpaid  = `SELECT id FROM orders WHERE ` + unpaid + ` ORDER BY updated_at LIMIT $2`
	StuckOverdue = `SELECT id FROM orders WHERE ` + overdue + ` ORDER BY deliver_at LIMIT $2`
	StuckVoids   = `SELECT id FROM orders WHERE ` + voids + ` ORDER BY updated_at LIMIT $2`
)

// Stuck returns up to limit ids of orders that the reconciler must resume: unpaid for longer than unpaidFor, overdue by
// more than overdueBy, or with a pending void for longer than unpaidFor. The kinds alternate, each with its oldest orders first.
func (s *Store) Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error) {
	kinds := []struct {
		query  string
		before int64
	}{
		{StuckUnpaid, threshold(now, unpaidFor)}, {StuckOverdue, threshold(now, overdueBy)}, {StuckVoids, threshold(now, unpaidFor)},
	}
	found := make([][]string, len(kinds))
	err := s.db.Call(ctx, "find stuck orders", callTimeout, func(ctx context.Context) (err error) {
		for i, kind := range kinds {
			found[i], err = sqldb.Rows(ctx, s.db.System, kind.query, []any{kind.before, limit}, func(scan sqldb.Scan, id *string) error { return scan(id) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return interleave(found, limit), err
}

func interleave(lists [][]string, limit int) (all []string) {
	for i, n := 0, -1; len(all) < limit && len(all) > n; i++ {
		n = len(all)
		for _, list := range lists {
			if i < len(list) {
				all = append(all, list[i])
			}
		}
	}
	return all[:min(len(all), limit)]
}

// FoundSQL selects, as the column order_id, the orders that need attention, of one customer unless customer is "". Of each
// reason it selects up to limit orders, the ones that have waited longest. add adds an argument of the statement.
func (s *Store) FoundSQL(add func(any) string, now time.Time, customer string, limit int) string {
	before, most := add(threshold(now, s.After)), add(limit)
	owner, ownerOfFinding := "", ""
	if customer != "" {
		owner = " AND customer = " + add(customer)
		ownerOfFinding = ` WHERE order_id IN (SELECT id FROM orders WHERE id = order_id` + owner + `)`
	}
	part := func(name, condition, by string) string {
		return `SELECT order_id FROM (SELECT id AS order_id FROM orders WHERE ` + strings.ReplaceAll(condition, "$1", before) + owner +
			` ORDER BY ` + by + ` LIMIT ` + most + `) AS ` + name
	}
	return strings.Join([]string{
		part("unpaid", unpaid, "updated_at"), part("overdue", overdue, "deliver_at"), part("unvoided", voids, "updated_at"),
		`SELECT order_id FROM (SELECT order_id FROM order_findings` + ownerOfFinding + ` ORDER BY found_at LIMIT ` + most + `) AS flagged`,
	}, ` UNION `)
}

// Group is the orders that need attention for one reason.
type Group struct {
	Reason Reason
	Count  int       // up to CountLimit
	Oldest time.Time // since when the first of them has waited, or has been known to be inconsistent
}

// Summary returns the orders that need attention, by reason. Reasons without orders are left out. An order may be in two groups.
func (s *Store) Summary(ctx context.Context, now time.Time) (groups []Group, err error) {
	before := threshold(now, s.After)
	group := func(ctx context.Context, reason Reason, since, from string, args ...any) error {
		var oldest sql.NullInt64
		g := Group{Reason: reason}
		query := `SELECT COUNT(*), MIN(since) FROM (SELECT ` + since + ` AS since FROM ` + from + ` ORDER BY ` + since + ` LIMIT ` + strconv.Itoa(CountLimit) + `) AS found`
		if err := s.db.System.QueryRowContext(ctx, query, args...).Scan(&g.Count, &oldest); err != nil || g.Count == 0 {
			return err
		}
		g.Oldest = time.UnixMilli(oldest.Int64).UTC()
		groups = append(groups, g)
		return nil
	}
	err = s.db.Call(ctx, "summarize orders that need attention", callTimeout, func(ctx context.Context) error {
		return cmp.Or(
			group(ctx, Unpaid, "updated_at", `orders WHERE `+unpaid, before),
			group(ctx, Overdue, "deliver_at", `orders WHERE `+overdue, before),
			group(ctx, VoidPending, "updated_at", `orders WHERE `+voids, before),
			group(ctx, Inconsistent, "found_at", `order_findings`),
		)
	})
	return groups, err
}

// Marks returns the marks of orders, by id. Orders without a mark may be missing.
func (s *Store) Marks(ctx context.Context, ids ...string) (map[string]Marks, error) {
	marks := make(map[string]Marks, len(ids))
	err := s.db.Call(ctx, "read marks of orders", callTimeout, func(ctx context.Context) error {
		type row struct {
			id string
			Marks
		}
		found, err := sqldb.Rows(ctx, s.db.Read, `
			SELECT id, void_owed, EXISTS (SELECT 1 FROM order_findings WHERE order_id = id) FROM orders
			WHERE id IN (SELECT value FROM `+s.db.JSONList("$1")+` AS wanted)`,
			[]any{sqldb.JSON{V: ids}}, func(scan sqldb.Scan, r *row) error { return scan(&r.id, &r.VoidPending, &r.Inconsistent) })
		for _, r := range found {
			marks[r.id] = r.Marks
		}
		return err
	})
	return marks, err
}

// SetFindings stores the codes of what an inspection has found inconsistent about an order, and no codes when it is
// consistent. It writes only if that changes something.
func (s *Store) SetFindings(ctx context.Context, id string, now time.Time, codes []string) error {
	joined := strings.Join(codes, " ")
	return s.db.Call(ctx, "store findings of order "+id, callTimeout, func(ctx context.Context) error {
		var stored string
		err := s.db.Read.QueryRowContext(ctx, `SELECT codes FROM order_findings WHERE order_id = $1`, id).Scan(&stored)
		if err != nil && err != sql.ErrNoRows { //nolint:errorlint // database/sql returns it as it is
			return err
		}
		switch joined {
		case stored:
		case "":
			_, err = s.db.Write.ExecContext(ctx, `DELETE FROM order_findings WHERE order_id = $1`, id)
			return err
		default:
			_, err = s.db.Write.ExecContext(ctx, `INSERT INTO order_findings (order_id, found_at, codes) VALUES ($1, $2, $3)
				ON CONFLICT (order_id) DO UPDATE SET codes = excluded.codes`, id, now.UnixMilli(), joined)
			return err
		}
		return nil
	})
}
