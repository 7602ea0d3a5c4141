package rest

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi/problem"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest/operator"
	"orders/orders-actor/rest/request"
)

// Limits of query parameters, in characters.
const (
	maxCursor   = 512
	maxText     = 100
	maxCustomer = 255
)

const pageSize, maxPageSize = 50, 200

// listQuery reads the selection of a list or an export. A customer may list their own orders only.
func listQuery(c *fiber.Ctx, u auth.User) (orderdb.Query, error) {
	q := request.ReadQuery(c, "status", "customer", "attention", "q", "from", "to", "sort", "limit", "cursor")
	f := filter(q)
	list := orderdb.Query{
		Statuses: statuses(q), Text: f.Text, From: f.From, To: f.To,
		Limit: q.Number("limit", pageSize, 1, maxPageSize), Cursor: q.Text("cursor", maxCursor),
	}
	list.Sort, list.Descending = sorting(q)
	var err error
	f, err = restrict(q, u, f)
	list.Customer, list.Attention, list.Operator = f.Customer, f.Attention, f.Operator
	return list, err
}

// countsFilter reads the selection of counts. A customer may count their own orders only.
func countsFilter(c *fiber.Ctx, u auth.User) (orderdb.Filter, error) {
	q := request.ReadQuery(c, "customer", "attention", "q", "from", "to")
	return restrict(q, u, filter(q))
}

// filter reads the parameters that lists and counts have in common.
func filter(q *request.Query) orderdb.Filter {
	f := orderdb.Filter{
		Customer: q.Text("customer", maxCustomer), Text: q.Text("q", maxText), From: q.Time("from"), To: q.Time("to"),
	}
	if strings.TrimSpace(f.Text) != "" && !orderdb.Searchable(f.Text) {
		q.Reject("q", "holds no letter or digit to search for")
	}
	return f
}

// restrict restricts the filter to the orders that the user may list. It returns the problem of all rejected parameters, if any.
func restrict(q *request.Query, u auth.User, f orderdb.Filter) (_ orderdb.Filter, err error) {
	f.Operator = u.Role == auth.Operator
	f.Attention, err = operator.AttentionFilter(q, u)
	if bad := q.Err(); bad != nil {
		return orderdb.Filter{}, bad
	}
	if f.Operator || err != nil {
		return f, err
	}
	if f.Customer != "" && f.Customer != u.ID {
		return f, problem.New(problem.Forbidden, "only an operator may list another customer's orders")
	}
	f.Customer = u.ID
	return f, nil
}

func statuses(q *request.Query) []order.Status {
	values := q.Values("status")
	if len(values) > len(order.Statuses) {
		q.Reject("status", "must be there at most %d times", len(order.Statuses))
		return nil
	}
	var list []order.Status
	for _, v := range values {
		s := order.Status(v)
		if !s.Valid() {
			q.Reject("status", "must be one of created, confirmed, delivered, cancelled")
			return nil
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func sorting(q *request.Query) (by orderdb.Sort, descending bool) {
	sorts := map[string]orderdb.Sort{"created": orderdb.SortCreated, "updated": orderdb.SortUpdated, "total": orderdb.SortTotal}
	v, exists := q.Value("sort", 20)
	if !exists {
		v = "-created"
	}
	name, descending := strings.CutPrefix(v, "-")
	by, ok := sorts[name]
	if !ok {
		q.Reject("sort", "must be created, updated or total, or one of them with a minus before it")
	}
	return by, descending
}

// idempotencyKey reads the header, or returns "" when it is absent.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	const name, limit = "Idempotency-Key", 200
	if len(c.Request().Header.Peek(name)) == 0 {
		if len(c.Request().Header.PeekAll(name)) > 0 {
			return "", request.BadField(name, "must not be empty")
		}
		return "", nil
	}
	key := strings.Clone(c.Get(name))
	if len(key) > limit || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", request.BadField(name, "must be 1 to %d visible ASCII characters", limit)
	}
	return key, nil
}
