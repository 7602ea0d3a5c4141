package rest

import (
	"context"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// Commands change orders in turns of the Order actor. They return *order.Refusal when a business rule forbids the command,
// and *order.Invalid for invalid input. After any other error the outcome is unknown and a retry is safe.
type Commands interface {
	// Create reports whether the order existed already: a replay.
	Create(ctx context.Context, c order.Create) (o order.Order, replayed bool, err error)
	// Cancel reports whether this call cancelled the order, not an earlier one.
	Cancel(ctx context.Context, c order.Cancel) (o order.Order, changed bool, err error)
}

// Reads are the reads of the order database. A create or a cancel is visible here before Commands returns.
type Reads interface {
	// Get returns an order with its history, or orderdb.ErrNotFound.
	Get(ctx context.Context, id string) (order.Order, error)
	// List returns one page, or orderdb.ErrBadCursor.
	List(ctx context.Context, q orderdb.Query) (orderdb.Page, error)
	// Counts returns the counts of a list.
	Counts(ctx context.Context, f orderdb.Filter) (orderdb.Counts, error)
	// Export calls each with all selected orders in order, until it returns an error.
	Export(ctx context.Context, q orderdb.Query, each func(order.Order) error) error
	// Events returns the events after a cursor, orderdb.ErrCursorExpired or orderdb.ErrBadCursor.
	Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error)
	// Head returns the cursor after the newest event.
	Head(ctx context.Context) (string, error)
	// LegacyOrder returns the order that an older release assigned to a user's idempotency key, if any.
	LegacyOrder(ctx context.Context, user, key string) (id string, found bool, err error)
}
