package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	"orders/faults/bench/load"
	"orders/faults/bench/usage"
	"orders/kit/pgtest"
	"orders/stack"
)

// system is a running system that takes orders.
type system struct {
	url       string // "{run}" differs for each run of the load generator; see load.Spec
	token     string
	processes func() map[string]int // the processes that count, by name
	delivered func(context.Context) (int, error)
	// late returns the lateness of the newest n deliveries.
	late  func(ctx context.Context, n int) ([]time.Duration, error)
	close func() error
}

const tea = `{"currency":"EUR","items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}]}`

// creates returns the load of creating orders.
func (s *system) creates(orders, callers int) load.Spec {
	url := strings.ReplaceAll(s.url, "{run}", strconv.FormatInt(time.Now().UnixNano(), 36))
	return load.Spec{
		Method: http.MethodPost, URL: url, Header: map[string]string{"Authorization": "Bearer " + s.token}, Body: tea,
		Requests: orders, Callers: callers,
	}
}

// used returns the CPU time in ms that the processes use while do runs.
func (s *system) used(do func() error) (usage.Amounts, error) {
	before, err := usage.CPU(s.processes())
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	after, err := usage.CPU(s.processes())
	return after.Since(before), err
}

// start starts a system by its name in Options.Systems.
func start(ctx context.Context, o Options, name string) (*system, error) {
	switch {
	case name == "product":
		p, err := startProduct(ctx, o, nil, nil)
		return &p.system, err
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
		p, err := startProduct(ctx, o, []string{path}, nil)
		return &p.system, err
	}
	return nil, fmt.Errorf("unknown system %q", name)
}

// product is the running product, which most cases know better than as a system.
type product struct {
	system
	stack *running
	api   *client.Client
}

// startProduct starts the product with new databases. orders-actor is another command, unless that is nil, with further settings.
func startProduct(ctx context.Context, o Options, ordersActor []string, settings map[string]string) (p product, err error) {
	r, err := startStack(ctx, o, ordersActor, settings)
	if err != nil {
		return p, err
	}
	token, err := client.Token(ctx, r.URL(), "bench", api.RoleOperator, http.DefaultClient)
	if err != nil {
		return p, errors.Join(err, r.close())
	}
	p = product{stack: r, api: client.New(r.URL(), token, http.DefaultClient)}
	p.system = system{
		url: r.URL() + "/v1/orders", token: token, processes: r.processes, close: r.close,
		delivered: func(ctx context.Context) (int, error) { return deliveries(ctx, r.Part(stack.OrdersActor).Metrics) },
		late:      p.lateness,
	}
	return p, nil
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
	return twin(r.URL()+"/v1/orders", r.URL(), r.processes, r.close), nil
}

// twin returns a twin of the product as a system. It takes orders at one URL and reports its deliveries at another.
func twin(url, counts string, processes func() map[string]int, stop func() error) *system {
	return &system{
		url: url, processes: processes, close: stop,
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
	*stack.Stack
	options  stack.Options
	postgres *pgtest.Server // nil with SQLite
}

// startStack starts the stack with new databases. The settings are added to those of orders-actor.
func startStack(ctx context.Context, o Options, ordersActor []string, settings map[string]string) (r *running, err error) {
	r = &running{options: stack.Options{
		Root: o.Root, FreePorts: true, Replicas: 1,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"RATE_LIMIT": "0", "MAX_IN_FLIGHT": "1024", "DELIVER_AFTER": deliverAfter.String(), "LOG_LEVEL": "warn"},
			stack.PaymentsSvc: {"PAYMENT_LATENCY": "0s", "PAYMENT_CONFIRM_RATE": "1", "LOG_LEVEL": "warn"},
		},
	}}
	maps.Copy(r.options.Env[stack.OrdersActor], settings)
	if ordersActor != nil {
		r.options.Commands = map[string][]string{stack.OrdersActor: ordersActor}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.options.Home, err = os.MkdirTemp("", "orders-bench-"); err != nil {
		return r, err
	}
	if o.Setup == Postgres {
		if r.postgres, err = pgtest.Open(); err != nil {
			return r, err
		}
		r.options.Postgres = r.postgres.DSN()
	}
	r.Stack, err = stack.Start(ctx, r.options)
	return r, err
}

func (r *running) close() (err error) {
	if r.Stack != nil {
		err = r.Close()
	}
	if r.postgres != nil {
		err = errors.Join(err, r.postgres.Close())
	}
	return errors.Join(err, os.RemoveAll(r.options.Home))
}

func (r *running) processes() map[string]int {
	pids := map[string]int{}
	for _, part := range r.Parts() {
		pids[part] = r.Part(part).PID()
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
func (p product) lateness(ctx context.Context, n int) (late []time.Duration, _ error) {
	orders, err := p.newest(ctx, n)
	for _, o := range orders {
		if o.Status != api.StatusDelivered {
			return nil, fmt.Errorf("order %s is %s", o.ID, o.Status)
		}
		late = append(late, o.UpdatedAt.Sub(o.DeliverAt))
	}
	return late, err
}

// newest returns the n orders that were created last.
func (p product) newest(ctx context.Context, n int) (orders []api.OrderSummary, _ error) {
	for cursor := (*string)(nil); ; {
		page, err := client.Decode[api.OrderList](client.Read(p.api.ListOrders(ctx, &api.ListOrdersParams{Limit: new(100), Cursor: cursor})))
		if err != nil {
			return nil, err
		}
		orders = append(orders, page.Orders...)
		if len(orders) >= n {
			return orders[:n], nil
		}
		if cursor = page.Next; cursor == nil {
			return nil, fmt.Errorf("only %d of %d orders are in the list", len(orders), n)
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
