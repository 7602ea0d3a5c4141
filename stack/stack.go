// Package stack runs the whole product on this machine, without containers: Dapr's control plane (sentry, placement,
// scheduler), the services of dapr/dapr.yaml and a sidecar for each. `make run`, the tests and the benchmark use it.
//
// Start returns when everything is ready, or stops everything and returns an error. Close stops the services first, so that
// they finish their work, then the sidecars, then the control plane. When a part exits without being asked to, the stack
// stops and the error contains the end of that part's log. No process outlives the one that called Start, even if that one
// is killed. All data is in the home folder and survives restarts.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"orders/kit/process"
)

// defaultTimeout limits every wait for which the caller sets no deadline. It is long because CI machines are slow.
const defaultTimeout = 2 * time.Minute

// The apps that the launcher knows by name.
const (
	OrdersActor = "orders-actor"
	PaymentsSvc = "payments-svc"
)

// Options say what to run, and where. The zero value is what `make run` does.
type Options struct {
	Root      string                       // the repository; found from the working directory when empty
	Home      string                       // the data folder; .data in Root when empty
	RunFile   string                       // the Multi-App Run file of the apps; dapr/dapr.yaml in Root when empty
	FreePorts bool                         // let the services listen on free ports instead of the ports in their settings
	Replicas  int                          // of orders-actor; more than one needs Postgres
	Postgres  string                       // address of a database for all state; embedded SQLite when empty
	Env       map[string]map[string]string // settings by app id; they override this process's environment
	Commands  map[string][]string          // by app id: what to run instead of the service in bin; a benchmark's twin, for example
	Stdout    io.Writer                    // progress messages; nil for none

	// WithoutApps starts only the control plane: DaprRun runs the apps.
	WithoutApps bool
}

// Stack is a running product. Its methods may be called concurrently.
type Stack struct {
	o     Options
	file  runFile
	env   []string // environment variables of every part
	token string   // the token that payments-svc requires from its sidecar
	ports struct{ sentry, placement, scheduler int }
	lock  *os.File

	mu      sync.Mutex
	parts   []*process.Process // in start order
	urls    []string
	failure error
	closing bool
	failed  chan struct{}
	stop    func() error
}

// Start runs the product and waits until it is ready. ctx limits the start only.
func Start(ctx context.Context, o Options) (*Stack, error) {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	s, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if err := s.startAll(ctx); err != nil {
		if s.Err() != nil {
			err = nil // Close returns the cause
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) startAll(ctx context.Context) error {
	began := time.Now()
	s.setActivity("starting Dapr's control plane")
	if err := s.startControlPlane(ctx); err != nil || s.o.WithoutApps {
		return err
	}
	s.printf("starting the services")
	s.setActivity("starting the services")
	if err := s.startApps(ctx); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		return err
	}
	s.setActivity("serving %s", strings.Join(s.URLs(), " "))
	s.printf("ready after %.1f s; logs are in %s", time.Since(began).Seconds(), filepath.Join(s.o.Home, "logs"))
	return nil
}

// launch adds a part to the stack and starts it. The stack stops when the part exits without being asked to.
func (s *Stack) launch(p *process.Process) error {
	if err := p.Supervise(s.fail); err != nil {
		return err
	}
	return s.launchUnsupervised(p)
}

// launchUnsupervised adds a part to the stack and starts it. Until part.supervise is called, the stack ignores its exit.
func (s *Stack) launchUnsupervised(p *process.Process) error {
	if _, err := os.Stat(p.Command[0]); err != nil {
		return fmt.Errorf("%s isn't built (make build runtime): %w", p.Name, err)
	}
	p.Log = filepath.Join(s.o.Home, "logs", p.Name+".log")
	p.Dir = s.o.Home
	if err := os.WriteFile(p.Log, nil, 0o600); err != nil {
		return err
	}
	s.mu.Lock()
	s.parts = append(s.parts, p)
	s.mu.Unlock()
	return p.Start()
}

// fail stops everything because a part has died.
func (s *Stack) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.failure != nil {
		return
	}
	s.failure = err
	close(s.failed)
	go s.stop() //nolint:errcheck // Close returns it
}

// Wait returns nil when ctx is done. When a part has died it returns an error with the part's name and the end of its log.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.failed:
		return s.Err()
	}
}

// Err returns why a part's death stopped the stack, or nil.
func (s *Stack) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Close stops all parts in order. It returns the error of Err, if any, and which parts had to be killed.
func (s *Stack) Close() error {
	err := s.stop()
	return errors.Join(s.Err(), err)
}

func (s *Stack) stopAll() error {
	s.mu.Lock()
	s.closing = true
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	var problems []error
	for order := 1; order <= 4; order++ {
		var group errgroup.Group
		for _, p := range parts {
			if stopOrder(p.Name) == order {
				group.Go(p.Stop)
			}
		}
		problems = append(problems, group.Wait())
	}
	if err := os.Remove(partsFile(s.o.Home)); !errors.Is(err, fs.ErrNotExist) {
		problems = append(problems, err)
	}
	return errors.Join(append(problems, s.lock.Close())...)
}

// stopOrder sorts the parts for the stop: services, sidecars, control plane.
func stopOrder(name string) int {
	switch {
	case name == sentry:
		return 4
	case name == placement, name == scheduler:
		return 3
	case strings.HasSuffix(name, sidecarSuffix):
		return 2
	default:
		return 1
	}
}

func (s *Stack) printf(format string, args ...any) {
	fmt.Fprintf(s.o.Stdout, format+"\n", args...)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
