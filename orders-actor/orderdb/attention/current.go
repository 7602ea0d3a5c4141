package attention

import (
	"cmp"
	"context"
	"strconv"
	"time"
)

// Current is how many orders are in what state now.
type Current struct {
	Attention       int // need attention; of each reason up to CountLimit
	AwaitingPayment int // created; up to OpenLimit
	DueWithinHour   int // confirmed, and due within an hour or overdue; up to OpenLimit
}

// The queries of Current, which have an index each. The last argument is OpenLimit; the first of CountDue is a time in ms.
const (
	CountUnpaid = `SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE status = 'created' LIMIT $1) AS found`
	CountDue    = `SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE status = 'confirmed' AND deliver_at < $1 LIMIT $2) AS found`
)

// Current counts the orders that need attention and those that are open.
func (s *Store) Current(ctx context.Context, now time.Time) (c Current, err error) {
	count := func(ctx context.Context, n *int, query string, args ...any) error {
		return s.db.System.QueryRowContext(ctx, query, args...).Scan(n)
	}
	var args []any
	add := func(arg any) string {
		args = append(args, arg)
		return "$" + strconv.Itoa(len(args))
	}
	found := s.FoundSQL(add, now, "", CountLimit)
	err = s.db.Call(ctx, "count current orders", callTimeout, func(ctx context.Context) error {
		return cmp.Or(
			count(ctx, &c.Attention, `SELECT COUNT(*) FROM (`+found+`) AS found`, args...),
			count(ctx, &c.AwaitingPayment, CountUnpaid, OpenLimit),
			count(ctx, &c.DueWithinHour, CountDue, now.Add(time.Hour).UnixMilli(), OpenLimit),
		)
	})
	return c, err
}
