package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/faults/bench/load"
	"orders/faults/bench/usage"
)

const (
	readCallers = 32
	// constantReads is how many requests of constant bytes are measured for each read. They are too cheap to measure fewer.
	constantReads = 10
	// settleTime is longer than actors stay active and clients keep connections, so that a service is idle afterwards.
	settleTime = 45 * time.Second
)

// read is a kind of request that changes nothing.
type read struct {
	name, path string
	header     map[string]string
	status     int
}

// reads compares requests with a handler of the same web framework that answers with constant bytes.
func reads(ctx context.Context, o Options) (_ []Table, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	o.log("creating %d orders", o.Orders)
	if _, _, err := complete(ctx, &p.system, o.Orders, readCallers); err != nil {
		return nil, err
	}
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	kinds, err := p.reads(ctx)
	if err != nil {
		return nil, err
	}
	t := newTable(fmt.Sprintf("Reads: %s, %d orders stored, %d callers", o.Setup, o.Orders, readCallers),
		"read", "bytes", "CPU µs per read", "of orders-actor", "reads/s", "p50 ms", "p99 ms", "CPU µs of constant bytes", "×")
	for _, kind := range kinds {
		o.log("%s", kind.name)
		bytes, got, used, err := p.measureRead(ctx, kind, o.Orders)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
		least, err := measureConstant(ctx, o, bytes)
		if err != nil {
			return nil, err
		}
		micros := func(ms float64) float64 { return round(1000*ms/float64(o.Orders), 0) }
		times, own := load.PercentilesOf(got.Durations), used["orders-actor"]
		t.add(kind.name, len(bytes), micros(used.Total()), micros(own), round(float64(o.Orders)/got.Took.Seconds(), 0), times.P50, times.P99,
			micros(least), round(own/least, 0))
	}
	return []Table{t}, nil
}

func (p product) reads(ctx context.Context) ([]read, error) {
	newest, err := p.newest(ctx, 1)
	if err != nil {
		return nil, err
	}
	one := "/v1/orders/" + newest[0].ID
	reply, err := client.Read(p.api.GetOrder(ctx, newest[0].ID, &api.GetOrderParams{}))
	if err != nil {
		return nil, err
	}
	return []read{
		{name: "list page of 50", path: "/v1/orders?limit=50", status: http.StatusOK},
		{name: "list page of 1, with counts", path: "/v1/orders?limit=1", status: http.StatusOK},
		{name: "one order", path: one, status: http.StatusOK},
		{name: "one order, not modified", path: one, header: map[string]string{"If-None-Match": reply.Header.Get("ETag")}, status: http.StatusNotModified},
	}, nil
}

// measureRead also returns the body of the response.
func (p product) measureRead(ctx context.Context, r read, requests int) (body []byte, got load.Result, used usage.Amounts, err error) {
	spec := load.Spec{
		Method: http.MethodGet, URL: p.stack.URL() + r.path, Header: map[string]string{"Authorization": "Bearer " + p.token},
		Requests: requests, Callers: readCallers, Status: r.status,
	}
	for name, value := range r.header {
		spec.Header[name] = value
	}
	if r.status == http.StatusOK {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, spec.URL, nil)
		if err != nil {
			return nil, got, nil, err
		}
		req.Header.Set("Authorization", "Bearer "+p.token)
		reply, err := client.Read(http.DefaultClient.Do(req))
		if err != nil {
			return nil, got, nil, err
		}
		body = reply.Body
	}
	used, err = p.used(func() (err error) {
		got, err = load.Run(ctx, spec)
		return err
	})
	return body, got, used, err
}

// measureConstant returns the CPU time in ms that o.Orders requests cost a handler that answers with constant bytes.
func measureConstant(ctx context.Context, o Options, bytes []byte) (ms float64, err error) {
	p, err := newPeer(o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	file := filepath.Join(p.dir, "body")
	if err := os.WriteFile(file, bytes, 0o600); err != nil {
		return 0, err
	}
	address, err := freeAddresses(1)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if err := p.run(ctx, roleConstant, listens(address[0]), nil, self, roleConstant, address[0], file); err != nil {
		return 0, err
	}
	s := system{processes: p.pids}
	used, err := s.used(func() error {
		_, err := load.Run(ctx, load.Spec{Method: http.MethodGet, URL: "http://" + address[0], Requests: o.Orders * constantReads, Callers: readCallers})
		return err
	})
	return max(used.Total(), 1) / constantReads, err // 0 if there were too few requests
}
