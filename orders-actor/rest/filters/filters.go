// Package filters reads the filters of lists, exports and counts from the query of a URL.
package filters

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

const (
	pageSize, maxPageSize = 50, 200

	maxTotal = 1<<53 - 1 // the largest integer that all clients can write
)

// Query reads the selection of a list or an export. A customer may list their own orders only.
func Query(c *fiber.Ctx, u auth.User) (orderdb.Query, error) {
	q := request.ReadQuery(c, append([]string{"status", "sort", "limit", "cursor"}, filters...)...)
	list := orderdb.Query{
		Filter: filter(q), Statuses: statuses(q),
		Limit: q.Number("limit", pageSize, 1, maxPageSize), Cursor: q.Text("cursor", maxCursor),
	}
	list.Sort, list.Descending = sorting(q)
	if list.Sort == orderdb.SortTotal {
		needCurrency(q, "a sort by total")
	}
	var err error
	list.Filter, err = restrict(q, u, list.Filter)
	return list, err
}

// Counts reads the selection of counts. A customer may count their own orders only.
func Counts(c *fiber.Ctx, u auth.User) (orderdb.Filter, error) {
	q := request.ReadQuery(c, append([]string{"totals"}, filters...)...)
	f := filter(q)
	f.Totals = q.OneOf("totals", "true", "false") == "true"
	return restrict(q, u, f)
}

// filters are the parameters that lists and counts have in common.
var filters = []string{
	"customer", "attention", "q", "from", "to", "updatedFrom", "dueBefore", "currency", "minTotal", "maxTotal", "payment", "cancelledBy",
}

func filter(q *request.Query) orderdb.Filter {
	f := orderdb.Filter{
		Customer: q.Text("customer", maxCustomer), Text: q.Text("q", maxText), From: q.Time("from"), To: q.Time("to"),
		UpdatedFrom: q.Time("updatedFrom"), DueBefore: q.Time("dueBefore"), Currency: q.OneOf("currency", order.Currencies...),
		MinTotal: int64(q.Number("minTotal", 0, 0, maxTotal)), BelowTotal: int64(q.Number("maxTotal", -1, 0, maxTotal)) + 1,
		Payment:     order.PaymentStatus(q.OneOf("payment", "pending", "confirmed", "declined", "voided")),
		CancelledBy: order.Party(q.OneOf("cancelledBy", "customer", "operator", "payment")),
	}
	if strings.TrimSpace(f.Text) != "" && !orderdb.Searchable(f.Text) {
		q.Reject("q", "holds no letter or digit to search for")
	}
	if f.BelowTotal > 0 && f.MinTotal >= f.BelowTotal {
		q.Reject("maxTotal", "must not be less than minTotal")
	}
	if f.MinTotal > 0 || f.BelowTotal > 0 {
		needCurrency(q, "a filter by total")
	}
	return f
}

// needCurrency rejects a filter without a currency: totals of several currencies cannot be compared.
func needCurrency(q *request.Query, why string) {
	if len(q.Values("currency")) == 0 {
		q.Reject("currency", "must be set for %s: amounts of several currencies cannot be compared", why)
	}
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
