package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"orders/kit/process"
	"orders/stack"
)

// peer is another engine with our twin of an order's life: several processes and their data.
type peer struct {
	root, dir string
	processes []*process.Process
}

func newPeer(o Options) (p *peer, err error) {
	p = &peer{root: o.Root}
	if p.root == "" {
		if p.root, err = stack.Root(); err != nil {
			return nil, err
		}
	}
	p.dir, err = os.MkdirTemp("", "orders-bench-")
	return p, err
}

// startPeer starts a system on a new peer. If the start fails, it ends the processes that were started.
func startPeer(o Options, start func(*peer) (*system, error)) (*system, error) {
	p, err := newPeer(o)
	if err != nil {
		return nil, err
	}
	s, err := start(p)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return s, nil
}

// program returns the path of a program that `make bench-peers` builds.
func (p *peer) program(name string) string { return filepath.Join(p.root, "bin", "bench", name) }

// run starts a process and waits until it is ready.
func (p *peer) run(ctx context.Context, name string, ready func(context.Context) error, env []string, command ...string) error {
	if _, err := os.Stat(command[0]); err != nil {
		return fmt.Errorf("%s isn't built (make bench-peers): %w", name, err)
	}
	started := &process.Process{
		Name: name, Command: command, Env: append(os.Environ(), env...), Dir: p.dir, Log: filepath.Join(p.dir, name+".log"),
		Ready: ready, StopTimeout: 30 * time.Second,
	}
	if err := started.Start(); err != nil {
		return err
	}
	p.processes = append(p.processes, started)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return started.Await(ctx)
}

func (p *peer) pids() map[string]int {
	pids := map[string]int{}
	for _, running := range p.processes {
		pids[running.Name] = running.PID()
	}
	return pids
}

func (p *peer) close() (err error) {
	for i := range p.processes {
		err = errors.Join(err, p.processes[len(p.processes)-1-i].Stop())
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

func startRestate(ctx context.Context, o Options) (*system, error) {
	return startPeer(o, func(p *peer) (*system, error) { return p.startRestate(ctx) })
}

func (p *peer) startRestate(ctx context.Context) (*system, error) {
	a, err := freeAddresses(6)
	if err != nil {
		return nil, err
	}
	ingress, admin, node, orders, payments, counts := a[0], a[1], a[2], a[3], a[4], a[5]
	err = p.run(ctx, "restate-server", responds("http://"+admin+"/health"), []string{
		"RESTATE_BASE_DIR=" + filepath.Join(p.dir, "data"), "RESTATE_CLUSTER_NAME=bench",
		"RESTATE_INGRESS__BIND_ADDRESS=" + ingress, "RESTATE_ADMIN__BIND_ADDRESS=" + admin,
		"RESTATE_BIND_ADDRESS=" + node, "RESTATE_ADVERTISED_ADDRESS=http://" + node,
		"RESTATE_DISABLE_TELEMETRY=1", "DO_NOT_TRACK=1", "RUST_LOG=warn",
	}, p.program("restate-server"))
	if err != nil {
		return nil, err
	}
	if err := p.run(ctx, "orders", listens(orders), nil, p.program("restate"), "orders", orders, counts); err != nil {
		return nil, err
	}
	if err := p.run(ctx, "payments", listens(payments), nil, p.program("restate"), "payments", payments); err != nil {
		return nil, err
	}
	for _, service := range []string{orders, payments} {
		if err := deploy(ctx, admin, service); err != nil {
			return nil, err
		}
	}
	// Each run of the load generator needs keys of its own.
	return twin("http://"+ingress+"/Order/{run}-{n}/Create", "http://"+counts, p.pids, p.close), nil
}

// deploy makes a service known to Restate.
func deploy(ctx context.Context, admin, service string) error {
	body, err := json.Marshal(map[string]string{"uri": "http://" + service})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin+"/deployments", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("register %s with Restate: %s", service, resp.Status)
	}
	return nil
}

func startTemporal(ctx context.Context, o Options) (*system, error) {
	return startPeer(o, func(p *peer) (*system, error) { return p.startTemporal(ctx) })
}

func (p *peer) startTemporal(ctx context.Context) (*system, error) {
	a, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	server, orders := a[0], a[1]
	_, port, _ := net.SplitHostPort(server)
	// With SQLite's defaults instead of these two pragmas, an order costs half as much again.
	err = p.run(ctx, "temporal-server", listens(server), nil, p.program("temporal-server"), "server", "start-dev", "--headless",
		"--ip", "127.0.0.1", "--port", port, "--log-level", "warn", "--db-filename", filepath.Join(p.dir, "temporal.db"),
		"--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal")
	if err != nil {
		return nil, err
	}
	if err := p.run(ctx, "payments", ready, nil, p.program("temporal"), "payments", server); err != nil {
		return nil, err
	}
	if err := p.run(ctx, "orders", listens(orders), nil, p.program("temporal"), "orders", server, orders); err != nil {
		return nil, err
	}
	return twin("http://"+orders+"/v1/orders", "http://"+orders, p.pids, p.close), nil
}

func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		port, err := process.FreePort()
		if err != nil {
			return nil, err
		}
		addresses[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return addresses, nil
}

func ready(context.Context) error { return nil }

func listens(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func responds(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}
