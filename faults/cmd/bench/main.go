// Command bench measures whole lives on the real stack of this machine: how fast creates are answered at a given number of
// callers, and how late after their due time the orders are delivered.
//
//	ORDERS=2000 CALLERS=32 go run ./faults/cmd/bench
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"orders/stack"
)

const deliverAfter = 2 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	home, err := os.MkdirTemp("", "orders-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(home) }()
	s, err := stack.Start(ctx, stack.Options{
		Home: home, FreePorts: true, Replicas: 1, Stdout: os.Stderr,
		Env: map[string]map[string]string{
			"orders-actor": {"RATE_LIMIT": "0", "DELIVER_AFTER": deliverAfter.String()},
			"payments-svc": {"PAYMENT_LATENCY": "0s", "PAYMENT_CONFIRM_RATE": "1"},
		},
	})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()

	c := client{base: s.URL()}
	if err := c.signIn(ctx); err != nil {
		return err
	}
	orders, callers := number("ORDERS", 2000), number("CALLERS", 32)
	took := make([]time.Duration, orders)
	began := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(callers)
	for i := range orders {
		group.Go(func() error {
			sent := time.Now()
			err := c.create(groupCtx)
			took[i] = time.Since(sent)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	created := time.Since(began)
	late, err := c.delivered(ctx, orders)
	if err != nil {
		return err
	}
	fmt.Printf("%d orders by %d callers\n", orders, callers)
	fmt.Printf("creates     %.0f/s   p50 %v   p99 %v\n", float64(orders)/created.Seconds(), at(took, 50), at(took, 99))
	fmt.Printf("deliveries  late by   p50 %v   p99 %v\n", at(late, 50), at(late, 99))
	return nil
}

type client struct{ base, token string }

type order struct {
	Status    string    `json:"status"`
	UpdatedAt time.Time `json:"updatedAt"`
	DeliverAt time.Time `json:"deliverAt"`
}

func (c *client) signIn(ctx context.Context) error {
	var reply struct{ Token string }
	err := c.call(ctx, http.MethodPost, "/v1/dev/token", `{"user":"bench","role":"operator"}`, &reply)
	c.token = reply.Token
	return err
}

func (c *client) create(ctx context.Context) error {
	const body = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`
	return c.call(ctx, http.MethodPost, "/v1/orders", body, &order{})
}

// delivered waits until all orders are, and returns how late each was.
func (c *client) delivered(ctx context.Context, want int) ([]time.Duration, error) {
	for {
		var late []time.Duration
		for cursor := ""; ; {
			var page struct {
				Orders []order
				Next   string
			}
			if err := c.call(ctx, http.MethodGet, "/v1/orders?status=delivered&limit=100&cursor="+cursor, "", &page); err != nil {
				return nil, err
			}
			for _, o := range page.Orders {
				late = append(late, o.UpdatedAt.Sub(o.DeliverAt))
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(late) >= want {
			return late, nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d orders were delivered: %w", len(late), want, ctx.Err())
		}
	}
}

func (c *client) call(ctx context.Context, method, path, body string, reply any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(reply)
}

func at(times []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)-1)*percent/100].Round(100 * time.Microsecond)
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}
