package rest

import (
	"context"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// Commands change orders: turns of the Order actor. Both return *order.Refusal for what the order doesn't allow, and
// *order.Invalid for bad input; any other error means that nobody knows yet whether it was done, and that a repeat is
// safe.
type Commands interface {
	Create(ctx context.Context, c order.Create) (o order.Order, replayed bool, err error)
	// Cancel reports whether this call cancelled the order, rather than an earlier one.
	Cancel(ctx context.Context, c order.Cancel) (o order.Order, changed bool, err error)
}

// Reads answer from the order database. A create or cancel is visible here before its reply.
type Reads interface {
	// Get returns an order with its history, or orderdb.ErrNotFound.
	Get(ctx context.Context, id string) (order.Order, error)
	// List returns one page, or orderdb.ErrBadCursor.
	List(ctx context.Context, q orderdb.Query) (orderdb.Page, error)
	// Export gives each order of the selection to each, in its order, until that returns an error.
	Export(ctx context.Context, q orderdb.Query, each func(order.Order) error) error
	// Events returns what happened after a cursor, or orderdb.ErrCursorExpired or orderdb.ErrBadCursor.
	Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error)
	// Head is the cursor of now.
	Head(ctx context.Context) (string, error)
	// LegacyOrder returns the order that an older release gave to a user's idempotency key, if any.
	LegacyOrder(ctx context.Context, user, key string) (id string, found bool, err error)
}
