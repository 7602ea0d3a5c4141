// Command bench measures complete orders on the real stack on this machine: how fast creates are answered with a given number of
// callers, and how long after their due time the orders are delivered.
//
//	ORDERS=2000 CALLERS=32 go run ./faults/cmd/bench
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"orders/api"
	"orders/api/client"
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

	token, err := client.Token(ctx, s.URL(), "bench", api.RoleOperator, http.DefaultClient)
	if err != nil {
		return err
	}
	c := client.New(s.URL(), token, http.DefaultClient)
	orders, callers := number("ORDERS", 2000), number("CALLERS", 32)
	took := make([]time.Duration, orders)
	began := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(callers)
	for i := range orders {
		group.Go(func() error {
			sent := time.Now()
			_, err := client.Decode[api.Order](client.Read(c.CreateOrder(groupCtx, nil, tea)))
			took[i] = time.Since(sent)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	created := time.Since(began)
	late, err := delivered(ctx, c, orders)
	if err != nil {
		return err
	}
	fmt.Printf("%d orders by %d callers\n", orders, callers)
	fmt.Printf("creates     %.0f/s   p50 %v   p99 %v\n", float64(orders)/created.Seconds(), at(took, 50), at(took, 99))
	fmt.Printf("deliveries  late by   p50 %v   p99 %v\n", at(late, 50), at(late, 99))
	return nil
}

var tea = api.CreateOrder{Currency: api.EUR, Items: []api.Item{{Sku: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}}

// delivered waits until all orders are delivered, and returns by how much each was late.
func delivered(ctx context.Context, c *client.Client, want int) ([]time.Duration, error) {
	for {
		var late []time.Duration
		for cursor := new(""); cursor != nil; {
			page, err := client.Decode[api.OrderList](client.Read(c.ListOrders(ctx, &api.ListOrdersParams{
				Status: &[]api.Status{api.StatusDelivered}, Limit: new(100), Cursor: cursor,
			})))
			if err != nil {
				return nil, err
			}
			for _, o := range page.Orders {
				late = append(late, o.UpdatedAt.Sub(o.DeliverAt))
			}
			cursor = page.Next
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

func at(times []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)-1)*percent/100].Round(100 * time.Microsecond)
}

func number(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return fallback
}
