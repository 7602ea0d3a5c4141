// Package lab runs the real product with a page on which a visitor kills its parts and sees that the invariants hold.
//
// The page (web/src/pages/lab) makes traffic and records what its clients saw. The lab's server forwards the product's requests
// to orders-actor, so that both have one origin, and serves /lab/api/: the parts with their states, kills and starts, and the
// check, which compares the recorded history with the stores (package history). It listens on loopback only, and runs the
// product in dev mode with data in a temporary folder.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/faults/stores"
	"orders/kit/process"
	"orders/kit/run"
	"orders/stack"
)

// DefaultAddress is where the lab listens if LAB_ADDR is not set.
const DefaultAddress = "127.0.0.1:8090"

// deliverAfter is short, so that many orders are due while parts are down.
const deliverAfter = 5 * time.Second

// callTimeout limits one read of the stores.
const callTimeout = 20 * time.Second

// Options are the settings of a lab.
type Options struct {
	Address string // on loopback
	Root    string // the repository; found from the working directory when empty
	Out     io.Writer
}

// lab is a running lab.
type lab struct {
	parts    *parts
	stores   reader
	begin    string // the cursor of the event log's begin
	log      *slog.Logger
	violated atomic.Bool // a check has found a violation
}

// Run runs a lab until ctx ends. It removes its data unless a check has found a violation.
func Run(ctx context.Context, o Options) (err error) {
	if err := process.CheckFree("LAB_ADDR", o.Address); err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "lab-")
	if err != nil {
		return err
	}
	l := &lab{log: slog.New(slog.NewTextHandler(o.Out, nil))}
	defer func() {
		if !l.violated.Load() && (err == nil || ctx.Err() != nil) {
			err = errors.Join(err, os.RemoveAll(home))
			return
		}
		fmt.Fprintln(o.Out, "logs and data are kept in", home)
	}()
	s, err := stack.Start(ctx, stack.Options{
		Root: o.Root, Home: home, FreePorts: true, Stdout: o.Out,
		Env: map[string]map[string]string{
			stack.OrdersActor: {
				"AUTH_MODE": "dev", "VIEW_DSN": filepath.Join(home, "view.db"), "DELIVER_AFTER": deliverAfter.String(),
				"RATE_LIMIT": "0", "MAX_IN_FLIGHT": "1024", "PAYMENT_TIMEOUT": "10s",
			},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "0.9", "PAYMENT_LATENCY": normalLatency, "PAYMENT_FAILURE_RATE": "0"},
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return l.serve(ctx, o, s)
}

// serve serves the lab on a running product until ctx ends or a part that the lab does not kill dies.
func (l *lab) serve(ctx context.Context, o Options, s *stack.Stack) (err error) {
	if l.parts, err = newParts(onStack{s}, l.log); err != nil {
		return err
	}
	read := stores.Reader{Home: s.Home(), Send: asOperator(s.URL())}
	l.stores = read
	first, err := read.List(ctx, nil)
	if err != nil {
		return err
	}
	l.begin = first.Feed
	backend, err := url.Parse(s.URL())
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return fmt.Errorf("listen on LAB_ADDR: %w", err)
	}
	fmt.Fprintf(o.Out, "\n    http://%s/lab\n\nPress Ctrl-C to stop.\n", listener.Addr())
	return run.Parts(
		ctx, l.log,
		run.Part{Name: "server", StopTimeout: 10 * time.Second, Run: func(ctx context.Context) error {
			return serveHTTP(ctx, l.log, listener, l.handler(backend))
		}},
		run.Part{Name: "product", StopTimeout: time.Second, Run: s.Wait},
	)
}

// serveHTTP serves until ctx ends. The requests end with ctx, also the streams.
func serveHTTP(ctx context.Context, log *slog.Logger, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Catch(ctx, log, "lab server", func() error { return server.Serve(listener) }) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if server.Shutdown(drain) != nil {
		return server.Close()
	}
	return nil
}

// asOperator returns how to send calls of an operator to the product at url.
func asOperator(url string) stores.Send {
	var token atomic.Value
	return func(ctx context.Context, call stores.Call) client.Reply {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		bearer, ok := token.Load().(string)
		if !ok {
			var err error
			if bearer, err = client.Token(ctx, url, "lab-operator", api.RoleOperator, http.DefaultClient); err != nil {
				return client.Reply{}
			}
			token.Store(bearer)
		}
		reply, err := client.Read(call(ctx, client.New(url, bearer, http.DefaultClient)))
		if err != nil {
			return client.Reply{}
		}
		return reply
	}
}
