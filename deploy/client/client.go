// Package client is a client of the REST API for tests of an installation.
//
// A call is retried until the service has answered it or the context ends: while pods are replaced, connections break and
// requests are answered 502, 503 or 504. A create is retried with the same idempotency key, so it creates one order.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ErrNoDevTokens means that the service doesn't issue tokens: AUTH_MODE isn't dev.
var ErrNoDevTokens = errors.New("the service issues no dev tokens")

// Order has the fields that the tests check.
type Order struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version int    `json:"version"`
	Payment struct {
		Status string `json:"status"`
	} `json:"payment"`
	History []struct {
		Version int    `json:"version"`
		Status  string `json:"status"`
	} `json:"history"`
}

// Final reports whether the status is final.
func (o Order) Final() bool { return o.Status == "delivered" || o.Status == "cancelled" }

// Client sends requests as one user. It is safe for concurrent use.
type Client struct {
	url, token string
	http       *http.Client
}

// Login gets a token, without retries.
func Login(ctx context.Context, url, user, role string) (*Client, error) {
	// A new connection per request spreads the calls over the pods and never uses one to a pod that has ended.
	transport := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 45 * time.Second}
	c := &Client{url: url, http: &http.Client{Transport: transport, Timeout: time.Minute}}
	var answer struct {
		Token string `json:"token"`
	}
	status, err := c.once(ctx, http.MethodPost, "/v1/dev/token", nil, map[string]string{"user": user, "role": role}, &answer)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, ErrNoDevTokens
	case status != http.StatusOK:
		return nil, fmt.Errorf("POST /v1/dev/token: %d", status)
	}
	c.token = answer.Token
	return c, nil
}

// Create creates an order. With an empty key it uses a random one.
func (c *Client) Create(ctx context.Context, key string) (Order, error) {
	if key == "" {
		key = rand.Text()
	}
	return c.order(ctx, http.MethodPost, "/v1/orders", http.Header{"Idempotency-Key": {key}}, map[string]any{
		"currency": "EUR",
		"items":    []map[string]any{{"sku": "tea-1", "name": "Green tea", "quantity": 2, "unitPrice": 450}},
	})
}

// Get loads an order.
func (c *Client) Get(ctx context.Context, id string) (Order, error) {
	return c.order(ctx, http.MethodGet, "/v1/orders/"+id, nil, nil)
}

// Cancel cancels an order.
func (c *Client) Cancel(ctx context.Context, id string) (Order, error) {
	return c.order(ctx, http.MethodPost, "/v1/orders/"+id+"/cancel", nil, map[string]string{"reason": "changed my mind"})
}

// Final waits until an order is final.
func (c *Client) Final(ctx context.Context, id string) (Order, error) {
	for {
		o, err := c.Get(ctx, id)
		if err != nil || o.Final() {
			return o, err
		}
		select {
		case <-ctx.Done():
			return o, fmt.Errorf("order %s is still %s: %w", id, o.Status, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Count returns the number of the user's orders in the list.
func (c *Client) Count(ctx context.Context) (int, error) {
	var list struct {
		Counts map[string]int `json:"counts"`
	}
	if err := c.retry(ctx, http.MethodGet, "/v1/orders?limit=1", nil, nil, &list); err != nil {
		return 0, err
	}
	sum := 0
	for _, n := range list.Counts {
		sum += n
	}
	return sum, nil
}

func (c *Client) order(ctx context.Context, method, path string, header http.Header, body any) (o Order, err error) {
	err = c.retry(ctx, method, path, header, body, &o)
	return o, err
}

func (c *Client) retry(ctx context.Context, method, path string, header http.Header, body, answer any) error {
	for {
		status, err := c.once(ctx, method, path, header, body, answer)
		if err == nil && status < 300 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%s %s: %d", method, path, status)
			if !isTransient(status) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last error: %w)", ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func isTransient(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusBadGateway
}

func (c *Client) once(ctx context.Context, method, path string, header http.Header, body, answer any) (int, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return 0, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if response.StatusCode < 300 {
		if err := json.Unmarshal(b, answer); err != nil {
			return 0, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return response.StatusCode, nil
}
