package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/faults/bench/floor"
	"orders/kit/pgtest"
	"orders/stack"
)

// system is a running system that takes orders.
type system struct {
	url       string // "{run}" differs for each run of the load generator; see LoadSpec
	token     string
	body      string
	processes func() map[string]int // the processes that count, by name
	delivered func(context.Context) (int, error)
	// late returns the lateness of the newest n deliveries.
	late  func(ctx context.Context, n int) ([]time.Duration, error)
	close func() error
}

func (s *system) load(orders, callers int) LoadSpec {
	url := strings.ReplaceAll(s.url, "{run}", strconv.FormatInt(time.Now().UnixNano(), 36))
	return LoadSpec{URL: url, Token: s.token, Body: s.body, Orders: orders, Callers: callers}
}

const tea = `{"currency":"EUR","items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}]}`

// start starts a system: "product", "floor", "restate", "temporal", or the product with another orders-actor if the name is the path
// of one.
func start(ctx context.Context, o Options, name string) (*system, error) {
	switch {
	case name == "product":
		return startProduct(ctx, o, nil)
	case name == "floor":
		return startFloor(ctx, o)
	case name == "restate":
		return startRestate(ctx, o)
	case name == "temporal":
		return startTemporal(ctx, o)
	case strings.Contains(name, "/"):
		path, err := filepath.Abs(name) // services run in the data folder
		if err != nil {
			return nil, err
		}
		return startProduct(ctx, o, []string{path})
	}
	return nil, fmt.Errorf("unknown system %q", name)
}

// startProduct starts the product, with another command for orders-actor unless that is nil.
func startProduct(ctx context.Context, o Options, ordersActor []string) (*system, error) {
	r, err := startStack(ctx, o, ordersActor, nil)
	if err != nil {
		return nil, err
	}
	token, err := client.Token(ctx, r.stack.URL(), "bench", api.RoleOperator, http.DefaultClient)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	c := client.New(r.stack.URL(), token, http.DefaultClient)
	return &system{
		url: r.stack.URL() + "/v1/orders", token: token, body: tea, processes: r.processes, close: r.close,
		delivered: func(ctx context.Context) (int, error) {
			return deliveries(ctx, r.stack.Part(stack.OrdersActor).Metrics)
		},
		late: func(ctx context.Context, n int) ([]time.Duration, error) { return lateness(ctx, c, n) },
	}, nil
}

func startFloor(ctx context.Context, o Options) (*system, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, err := startStack(ctx, o, []string{self, roleFloor}, nil)
	if err != nil {
		return nil, err
	}
	return twin(r.stack.URL()+"/v1/orders", r.stack.URL(), r.processes, r.close), nil
}

// twin returns a twin of the product as a system. It takes orders at one URL and reports its deliveries at another.
func twin(url, counts string, processes func() map[string]int, stop func() error) *system {
	return &system{
		url: url, body: tea, processes: processes, close: stop,
		delivered: func(ctx context.Context) (int, error) {
			s, err := stats(ctx, counts)
			return s.Delivered, err
		},
		late: func(ctx context.Context, n int) ([]time.Duration, error) {
			s, err := stats(ctx, counts)
			return s.Late[max(0, len(s.Late)-n):], err
		},
	}
}

// running is a stack with its database.
type running struct {
	stack    *stack.Stack
	postgres *pgtest.Server // nil with SQLite
	home     string
}

// startStack starts the stack with new databases. The settings are added to those of orders-actor.
func startStack(ctx context.Context, o Options, ordersActor []string, settings map[string]string) (r *running, err error) {
	r = &running{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.home, err = os.MkdirTemp("", "orders-bench-"); err != nil {
		return r, err
	}
	options := stack.Options{
		Root: o.Root, Home: r.home, FreePorts: true, Replicas: 1,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"RATE_LIMIT": "0", "MAX_IN_FLIGHT": "1024", "DELIVER_AFTER": deliverAfter.String(), "LOG_LEVEL": "warn"},
			stack.PaymentsSvc: {"PAYMENT_LATENCY": "0s", "PAYMENT_CONFIRM_RATE": "1", "LOG_LEVEL": "warn"},
		},
	}
	for name, value := range settings {
		options.Env[stack.OrdersActor][name] = value
	}
	if ordersActor != nil {
		options.Commands = map[string][]string{stack.OrdersActor: ordersActor}
	}
	if o.Setup == Postgres {
		if r.postgres, err = pgtest.Open(); err != nil {
			return r, err
		}
		options.Postgres = r.postgres.DSN()
	}
	r.stack, err = stack.Start(ctx, options)
	return r, err
}

func (r *running) close() (err error) {
	if r.stack != nil {
		err = r.stack.Close()
	}
	if r.postgres != nil {
		err = errors.Join(err, r.postgres.Close())
	}
	return errors.Join(err, os.RemoveAll(r.home))
}

func (r *running) processes() map[string]int {
	pids := map[string]int{}
	for _, part := range r.stack.Parts() {
		pids[part] = r.stack.Part(part).PID()
	}
	if r.postgres != nil {
		pids["postgres"] = r.postgres.PID()
	}
	return pids
}

var deliveryTurns = regexp.MustCompile(`(?m)^order_turn_duration_seconds_count\{outcome="done",turn="reminder deliver"\} (\S+)$`)

// deliveries returns how many turns have delivered an order, from the metrics. Unlike the counts of a list, they cost no query.
func deliveries(ctx context.Context, url string) (int, error) {
	text, err := get(ctx, url)
	if err != nil {
		return 0, err
	}
	found := deliveryTurns.FindSubmatch(text)
	if found == nil {
		return 0, nil // no turn yet
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return int(n), err
}

// lateness reads the newest n orders, which must be delivered.
func lateness(ctx context.Context, c *client.Client, n int) (late []time.Duration, _ error) {
	for cursor := (*string)(nil); ; {
		page, err := client.Decode[api.OrderList](client.Read(c.ListOrders(ctx, &api.ListOrdersParams{Limit: new(100), Cursor: cursor})))
		if err != nil {
			return nil, err
		}
		for _, o := range page.Orders {
			if o.Status != api.StatusDelivered {
				return nil, fmt.Errorf("order %s is %s", o.ID, o.Status)
			}
			if late = append(late, o.UpdatedAt.Sub(o.DeliverAt)); len(late) == n {
				return late, nil
			}
		}
		if cursor = page.Next; cursor == nil {
			return nil, fmt.Errorf("only %d of %d orders are in the list", len(late), n)
		}
	}
}

// stats reads the statistics of a twin.
func stats(ctx context.Context, url string) (s floor.Stats, err error) {
	text, err := get(ctx, url+"/stats")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
