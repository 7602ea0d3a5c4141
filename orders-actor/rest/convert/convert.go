// Package convert converts orders from the domain to the API, as their viewer may see them: customers do not see which operator
// has changed an order, nor that operator's request.
package convert

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// Order converts an order with its history.
func Order(o order.Order, viewer auth.User) api.Order {
	s := Summary(o, viewer)
	history := make([]api.HistoryEntry, len(o.History))
	for i, e := range o.History {
		c := change(o, e, viewer)
		history[i] = api.HistoryEntry{
			Version: e.Version, Status: api.Status(e.Status), At: e.At,
			Cause: c.Cause, By: c.By, User: c.User, Reason: c.Reason, RequestID: c.RequestID, TraceID: c.TraceID,
		}
	}
	return api.Order{
		ID: s.ID, Customer: s.Customer, Status: s.Status, Version: s.Version, Items: s.Items, Currency: s.Currency, Total: s.Total,
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, DeliverAt: s.DeliverAt, Payment: s.Payment, Cancellation: s.Cancellation,
		LastChange: s.LastChange, History: history,
	}
}

func change(o order.Order, e order.Entry, viewer auth.User) api.Change {
	c := api.Change{Cause: api.Cause(e.Cause), By: api.Party(e.By), Reason: o.ReasonFor(e)}
	if viewer.Role == auth.Operator || e.By != order.ByOperator || e.User == viewer.ID {
		c.User, c.RequestID, c.TraceID = e.User, e.RequestID, e.TraceID
	}
	return c
}

// Summary converts an order with only the newest entry of its history.
func Summary(o order.Order, viewer auth.User) api.OrderSummary {
	items := make([]api.Item, len(o.Items))
	for i, item := range o.Items {
		items[i] = api.Item{Sku: item.SKU, Name: item.Name, Quantity: item.Quantity, UnitPrice: item.UnitPrice}
	}
	s := api.OrderSummary{
		ID: o.ID, Customer: o.Customer, Status: api.Status(o.Status), Version: o.Version, Items: items,
		Currency: api.Currency(o.Currency), Total: o.Total,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, DeliverAt: orZero(o.DeliverAt),
		Payment: api.Payment{
			Status: api.PaymentStatus(o.Payment.Status), Reason: o.Payment.Reason, Attempts: o.Payment.Attempts,
			LastError: o.Payment.LastError, LastErrorAt: o.Payment.LastErrorAt,
		},
	}
	if n := len(o.History); n > 0 {
		s.LastChange = change(o, o.History[n-1], viewer)
	}
	if o.Cancellation != nil {
		s.Cancellation = api.Cancellation{By: api.Party(o.Cancellation.By), Reason: o.Cancellation.Reason}
	}
	return s
}

// Status converts an order to its status.
func Status(o order.Order) api.OrderStatus {
	return api.OrderStatus{ID: o.ID, Status: api.Status(o.Status), Version: o.Version, DeliverAt: orZero(o.DeliverAt)}
}

// List converts a page. attention has the reasons why orders need attention, by id.
func List(p orderdb.Page, viewer auth.User, attention map[string]api.Attention) api.OrderList {
	counts := Counts(orderdb.Counts{PerStatus: p.Counts, AtLeast: p.AtLeast, Attention: p.Attention})
	list := api.OrderList{
		Orders: make([]api.OrderSummary, len(p.Orders)), Feed: p.Feed, Counts: counts.Counts, AtLeast: counts.AtLeast,
		Attention: counts.Attention,
	}
	for i, o := range p.Orders {
		list.Orders[i] = Summary(o, viewer)
		list.Orders[i].Attention = attention[o.ID]
	}
	if p.Next != "" {
		list.Next = &p.Next
	}
	return list
}

// Counts converts counts.
func Counts(c orderdb.Counts) api.OrderCounts {
	counts := api.OrderCounts{Attention: c.Attention, Counts: api.Counts{
		Created: c.PerStatus[order.Created], Confirmed: c.PerStatus[order.Confirmed],
		Delivered: c.PerStatus[order.Delivered], Cancelled: c.PerStatus[order.Cancelled],
	}}
	for currency, t := range c.Totals {
		counts.Totals = append(counts.Totals, api.CurrencyTotal{Currency: api.Currency(currency), Orders: t.Orders, Total: t.Total})
	}
	slices.SortFunc(counts.Totals, func(a, b api.CurrencyTotal) int {
		return cmp.Or(b.Orders-a.Orders, strings.Compare(string(a.Currency), string(b.Currency)))
	})
	for _, status := range c.AtLeast {
		counts.AtLeast = append(counts.AtLeast, api.Status(status))
	}
	return counts
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
