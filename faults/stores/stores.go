// Package stores reads the contents of a running product's stores for the checker (package history): orders, list and event log
// through the REST API as an operator, the actors' states and the ledger from Dapr's tables.
package stores

import (
	"context"
	"net/http"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/faults/history"
	"orders/orders-actor/order"
)

// readTimeout limits the retries of one read.
const readTimeout = time.Minute

// Call is a call of the generated client.
type Call = func(context.Context, *client.Client) (*http.Response, error)

// Send sends a call once. Without a reply the result is the zero Reply.
type Send func(context.Context, Call) client.Reply

// Reader reads the stores of one product.
type Reader struct {
	Home string // SQLite files, when DSN is empty
	DSN  string // PostgreSQL
	Send Send   // as an operator
}

// get sends a call until it succeeds, for at most readTimeout, and decodes the reply.
func get[T any](ctx context.Context, send Send, call Call) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return client.Retry[T](ctx, 500*time.Millisecond, func() (client.Reply, error) { return send(ctx, call), nil })
}

// Page is a page of the list.
type Page struct {
	Orders []order.Order        `json:"orders"`
	Next   *string              `json:"next"`
	Counts map[order.Status]int `json:"counts"`
	Feed   string               `json:"feed"`
}

// List reads a page of the list; the first one if cursor is nil.
func (r Reader) List(ctx context.Context, cursor *string) (Page, error) {
	return get[Page](ctx, r.Send, func(ctx context.Context, c *client.Client) (*http.Response, error) {
		return c.ListOrders(ctx, &api.ListOrdersParams{Limit: new(200), Cursor: cursor})
	})
}

// EventPage is a page of the feed.
type EventPage struct {
	Events []struct {
		Cursor string      `json:"cursor"`
		Order  order.Order `json:"order"`
	} `json:"events"`
	Next string `json:"next"`
}

// Events reads a page of the feed after a cursor. prefer is the Prefer header, "" for none.
func Events(ctx context.Context, send Send, after, prefer string) (EventPage, error) {
	params := &api.FollowOrdersParams{Limit: new(500), After: &after}
	if prefer != "" {
		params.Prefer = &prefer
	}
	return get[EventPage](ctx, send, func(ctx context.Context, c *client.Client) (*http.Response, error) {
		return c.FollowOrders(ctx, params)
	})
}

// Settled reports whether all orders are final and no void is pending.
func (r Reader) Settled(ctx context.Context) (bool, error) {
	page, err := r.List(ctx, nil)
	if err != nil || page.Counts[order.Created]+page.Counts[order.Confirmed] > 0 {
		return false, err
	}
	states, err := r.Actors(ctx)
	for _, s := range states {
		if s.VoidPending {
			return false, err
		}
	}
	return err == nil, err
}

// Load reads all stores, and the event log from the cursor begin. The caller sets MaxLateness.
func (r Reader) Load(ctx context.Context, begin string) (s history.Stores, err error) {
	s = history.Stores{At: time.Now(), Orders: map[string]order.Order{}, Listed: map[string]order.Order{}}
	for next := new(""); next != nil; {
		var cursor *string
		if *next != "" {
			cursor = next
		}
		page, err := r.List(ctx, cursor)
		if err != nil {
			return s, err
		}
		for _, o := range page.Orders {
			s.Listed[o.ID] = o
			full, err := get[order.Order](ctx, r.Send, func(ctx context.Context, c *client.Client) (*http.Response, error) {
				return c.GetOrder(ctx, o.ID, nil)
			})
			if err != nil {
				return s, err
			}
			s.Orders[o.ID] = full
		}
		next = page.Next
	}
	s.Feed = []history.FeedEvent{}
	for cursor := begin; ; {
		page, err := Events(ctx, r.Send, cursor, "")
		if err != nil {
			return s, err
		}
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			s.Feed = append(s.Feed, history.FeedEvent{Cursor: e.Cursor, Order: e.Order, At: e.Order.UpdatedAt})
		}
		cursor = page.Next
	}
	if s.Actors, err = r.Actors(ctx); err != nil {
		return s, err
	}
	s.Payments, err = r.Ledger(ctx)
	return s, err
}
