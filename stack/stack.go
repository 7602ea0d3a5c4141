// Package stack runs the whole product on this machine, without containers: Dapr's control plane (sentry, placement,
// scheduler), the services of dapr/dapr.yaml and a sidecar for each. It serves `make run`, the tests and the benchmark.
//
// What it guarantees: Start returns when everything is ready, or with an error after everything is stopped again. Close
// stops the services first, so that they finish what they began, then the sidecars, then the control plane. When a part
// ends unasked, all of it is stopped and the error holds that part's last words. No process outlives the one that called
// Start, even if that one is killed. State outlives all of it, in the home folder.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// patience bounds every wait that the caller doesn't bound. It is generous: machines are slow and busy.
const patience = 2 * time.Minute

// The apps that the launcher knows by name.
const (
	OrdersActor = "orders-actor"
	PaymentsSvc = "payments-svc"
)

// Options say what to run, and where. The zero value is what `make run` does.
type Options struct {
	Root       string                       // the repository; found from the working directory when empty
	Home       string                       // the data folder; .data in Root when empty
	FreePorts  bool                         // let the services listen on free ports instead of the ones that their settings name
	Replicas   int                          // of orders-actor; more than one needs Postgres
	Postgres   string                       // address of a database for all state; embedded SQLite when empty
	Components string                       // a folder of Dapr components instead of components/sqlite or components/postgres
	Env        map[string]map[string]string // settings by app id; they come before this process's environment
	Ports      Ports
	Stdout     io.Writer // progress; nil for none

	// WithoutApps starts only the control plane: DaprRun runs the apps.
	WithoutApps bool
}

// Ports are those of the control plane. 0 takes a free one.
type Ports struct{ Sentry, Placement, Scheduler int }

// Stack is a running product. Its methods may be called concurrently.
type Stack struct {
	o     Options
	file  runFile
	env   []string // what every part gets
	token string   // what payments-svc demands of its sidecar
	lock  *os.File

	mu      sync.Mutex
	parts   []*part // in the order in which they are started
	urls    []string
	failure error
	closing bool
	failed  chan struct{}
	stop    func() error
}

// Start runs the product and waits until it is ready. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Stack, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if err := s.startAll(ctx); err != nil {
		if s.Err() != nil {
			err = nil // what died says more than who waited for it
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// resolve makes a stack of what the options say. It changes nothing.
func resolve(o Options) (*Stack, error) {
	var err error
	if o.Root == "" {
		if o.Root, err = Root(); err != nil {
			return nil, err
		}
	}
	if o.Home == "" {
		o.Home = filepath.Join(o.Root, ".data")
	}
	if o.Home, err = filepath.Abs(o.Home); err != nil {
		return nil, err
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	o.Replicas = max(o.Replicas, 1)
	if o.Replicas > 1 && o.Postgres == "" {
		return nil, errors.New("several replicas can't share SQLite files: they need PostgreSQL")
	}
	if o.Postgres != "" && !strings.HasPrefix(o.Postgres, "postgres://") && !strings.HasPrefix(o.Postgres, "postgresql://") {
		return nil, errors.New("STATE_DSN (-postgres) must be a postgres:// URL; the SQLite files are in DATA_DIR")
	}
	s := &Stack{o: o, failed: make(chan struct{}), token: os.Getenv("APP_API_TOKEN")}
	if s.token == "" {
		s.token = key()
	}
	s.stop = sync.OnceValue(s.stopAll)
	s.file, err = readRunFile(filepath.Join(o.Root, "dapr", "dapr.yaml"))
	return s, err
}

// prepare makes the data folder ready, and takes it for this process.
func prepare(o Options) (*Stack, error) {
	s, err := resolve(o)
	if err != nil {
		return nil, err
	}
	o = s.o
	if limits != "" {
		fmt.Fprintln(o.Stdout, "note:", limits)
	}
	for _, dir := range []string{"logs", "sentry", "scheduler", "run"} {
		if err := os.MkdirAll(filepath.Join(o.Home, dir), 0o700); err != nil {
			return nil, err
		}
	}
	if s.lock, err = lock(filepath.Join(o.Home, "run", "lock")); err != nil {
		return nil, err
	}
	s.note("which is starting")
	secrets := filepath.Join(o.Home, "secrets.json")
	err = makeSecrets(secrets)
	if err == nil {
		err = checkSecrets(secrets)
	}
	if err == nil {
		err = hideDatabases(o.Home)
	}
	if err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// hideDatabases makes databases of earlier versions readable by their owner only. SQLite gives new ones' helper files the
// mode of the database.
func hideDatabases(home string) error {
	files, err := filepath.Glob(filepath.Join(globEscape.Replace(home), "*.db*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Chmod(file, 0o600); err != nil {
			return err
		}
	}
	return nil
}

var globEscape = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// Root is the repository that the working directory lies in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "dapr", "dapr.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("dapr/dapr.yaml isn't in this folder or one above it")
		}
		dir = filepath.Dir(dir)
	}
}

// lock makes sure that one launcher at a time uses a home folder. The kernel gives the lock back when the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		holder, _ := io.ReadAll(f)
		return nil, errors.Join(fmt.Errorf("another launcher uses %s: %s", filepath.Dir(filepath.Dir(path)), holder), f.Close())
	}
	return f, nil
}

// note writes into the lock's file what this launcher does, for one that finds the lock taken.
func (s *Stack) note(format string, args ...any) {
	text := fmt.Appendf(nil, "process %d, %s", os.Getpid(), fmt.Sprintf(format, args...))
	if err := s.lock.Truncate(0); err == nil {
		_, _ = s.lock.WriteAt(text, 0)
	}
}

func (s *Stack) startAll(ctx context.Context) error {
	began := time.Now()
	s.note("which is starting Dapr's control plane")
	if err := s.startControlPlane(ctx); err != nil || s.o.WithoutApps {
		return err
	}
	s.say("starting %s", strings.Join(s.apps(), " and "))
	s.note("which is starting %s", strings.Join(s.apps(), " and "))
	if err := s.startApps(); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		return err
	}
	s.note("which serves %s", strings.Join(s.URLs(), " "))
	s.say("ready after %.1f s; logs are in %s", time.Since(began).Seconds(), filepath.Join(s.o.Home, "logs"))
	return nil
}

func (s *Stack) apps() []string {
	var ids []string
	for _, a := range s.file.Apps {
		ids = append(ids, a.ID)
	}
	return ids
}

// launch adds a part to the stack and starts it.
func (s *Stack) launch(p *part) error {
	if _, err := os.Stat(p.command[0]); err != nil {
		return fmt.Errorf("%s isn't built (make build runtime): %w", p.name, err)
	}
	p.log = filepath.Join(s.o.Home, "logs", p.name+".log")
	p.dir = s.o.Home
	if p.died == nil {
		p.died = s.fail
	}
	if err := os.WriteFile(p.log, nil, 0o600); err != nil {
		return err
	}
	s.mu.Lock()
	s.parts = append(s.parts, p)
	s.mu.Unlock()
	return p.start()
}

// fail stops everything because a part died.
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

// Wait returns when ctx is done, with nil, or when a part has died, with an error that says which and why.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.failed:
		return s.Err()
	}
}

// Err is why the stack stopped by itself, or nil.
func (s *Stack) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Close stops all parts in order. It returns what made the stack stop by itself, if that came first, and which parts had
// to be killed.
func (s *Stack) Close() error {
	err := s.stop()
	return errors.Join(s.Err(), err)
}

func (s *Stack) stopAll() error {
	s.mu.Lock()
	s.closing = true
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	groups := map[int][]*part{}
	for _, p := range parts {
		groups[rank(p.name)] = append(groups[rank(p.name)], p)
	}
	var problems []error
	for _, r := range slices.Sorted(maps.Keys(groups)) {
		var group errgroup.Group
		for _, p := range groups[r] {
			group.Go(p.stop)
		}
		problems = append(problems, group.Wait())
	}
	return errors.Join(append(problems, s.lock.Close())...)
}

// rank orders the parts for the stop: services, sidecars, control plane.
func rank(name string) int {
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

// Parts are the names of all parts: orders-actor, orders-actor.sidecar, orders-actor-2 and so on, payments-svc,
// payments-svc.sidecar, placement, scheduler, sentry.
func (s *Stack) Parts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = p.name
	}
	return names
}

func (s *Stack) part(name string) (*part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no part %q", name)
}

// Kill ends a part as a crash would (SIGKILL). The stack goes on without it.
func (s *Stack) Kill(name string) error {
	p, err := s.part(name)
	if err != nil {
		return err
	}
	return p.kill()
}

// Stop ends a part in order (SIGTERM) and waits for its end. The stack goes on without it.
func (s *Stack) Stop(name string) error {
	p, err := s.part(name)
	if err != nil {
		return err
	}
	return p.stop()
}

// Start starts a part that was killed or stopped, as it was. WaitReady tells when it is ready.
func (s *Stack) Start(name string) error {
	p, err := s.part(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return errors.New("the stack is stopped")
	}
	return p.start()
}

// WaitReady returns when every part that runs is ready to work.
func (s *Stack) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.mu.Lock()
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		if p.running() {
			group.Go(func() error { return p.await(ctx) })
		}
	}
	return group.Wait()
}

// URL is where the first replica of orders-actor serves.
func (s *Stack) URL() string { return s.URLs()[0] }

// URLs is where each replica of orders-actor serves.
func (s *Stack) URLs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.urls)
}

// MetricsURL is where a service serves its metrics; empty unless Options.FreePorts chose the port.
func (s *Stack) MetricsURL(name string) string {
	p, err := s.part(name)
	if err != nil {
		return ""
	}
	return p.metrics
}

// Address is where a service or a sidecar serves HTTP, as a URL; empty for other parts.
func (s *Stack) Address(name string) string {
	p, err := s.part(name)
	if err != nil {
		return ""
	}
	return p.url
}

// Token is the API token that a sidecar demands of its callers in the header dapr-api-token.
func (s *Stack) Token(name string) string {
	p, err := s.part(name)
	if err != nil {
		return ""
	}
	return p.token
}

// PID is the process of a part, or 0 when it doesn't run.
func (s *Stack) PID(name string) int {
	p, err := s.part(name)
	if err != nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return 0
	}
	return p.process.Pid
}

// Home is the data folder.
func (s *Stack) Home() string { return s.o.Home }

func (s *Stack) say(format string, args ...any) {
	fmt.Fprintf(s.o.Stdout, format+"\n", args...)
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
