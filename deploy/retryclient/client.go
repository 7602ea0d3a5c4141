// Package retryclient sends requests as one user for tests of an installation.
//
// A request is retried until the service has answered it or the context ends: while pods are replaced, connections break and
// requests are answered 502, 503 or 504. A create is retried with the same idempotency key, so it creates one order.
package retryclient

import (
	"context"
	"crypto/rand"
	"errors"
	"log"
	"net/http"
	"time"

	"orders/api"
	rest "orders/api/client"
)

// Client sends requests as one user. It is safe for concurrent use.
type Client struct{ rest *rest.Client }

// Login gets a token. It returns ErrNoDevTokens of api/client if the service issues none.
func Login(ctx context.Context, url, user string) (*Client, error) {
	// A new connection per request spreads the calls over the pods and never uses one to a pod that has ended.
	transport := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 45 * time.Second}
	via := &http.Client{Transport: transport, Timeout: time.Minute}
	for {
		token, err := rest.Token(ctx, url, user, api.RoleCustomer, via)
		if err == nil {
			return &Client{rest.New(url, token, via)}, nil
		}
		if errors.Is(err, rest.ErrNoDevTokens) || ctx.Err() != nil {
			return nil, err
		}
		log.Print("not ready yet: ", err)
		wait(ctx)
	}
}

// Create creates an order. With an empty key it uses a random one.
func (c *Client) Create(ctx context.Context, key string) (api.Order, error) {
	if key == "" {
		key = rand.Text()
	}
	order := api.CreateOrder{Currency: api.EUR, Items: []api.Item{{Sku: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}}
	return retry[api.Order](ctx, func() (*http.Response, error) {
		return c.rest.CreateOrder(ctx, &api.CreateOrderParams{IdempotencyKey: &key}, order)
	})
}

// Get loads an order.
func (c *Client) Get(ctx context.Context, id string) (api.Order, error) {
	return retry[api.Order](ctx, func() (*http.Response, error) { return c.rest.GetOrder(ctx, id, nil) })
}

// Cancel cancels an order.
func (c *Client) Cancel(ctx context.Context, id string) (api.Order, error) {
	return retry[api.Order](ctx, func() (*http.Response, error) {
		return c.rest.CancelOrder(ctx, id, nil, api.CancelOrder{Reason: "changed my mind"})
	})
}

// Final waits until an order is final.
func (c *Client) Final(ctx context.Context, id string) (api.Order, error) {
	for {
		o, err := c.Get(ctx, id)
		if err != nil || o.Status.Final() {
			return o, err
		}
		wait(ctx)
	}
}

// Count returns the number of the user's orders in the list.
func (c *Client) Count(ctx context.Context) (int, error) {
	list, err := retry[api.OrderList](ctx, func() (*http.Response, error) {
		return c.rest.ListOrders(ctx, &api.ListOrdersParams{Limit: new(1)})
	})
	n := list.Counts
	return n.Created + n.Confirmed + n.Delivered + n.Cancelled, err
}

// wait waits for a moment, or until ctx ends: then the next request fails.
func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
}

func retry[T any](ctx context.Context, send func() (*http.Response, error)) (T, error) {
	return rest.Retry[T](ctx, 200*time.Millisecond, func() (rest.Reply, error) { return rest.Read(send()) })
}
