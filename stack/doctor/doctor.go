// Package doctor checks the product on this machine, running or stopped: `make doctor`.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"orders/kit/doctor"
	"orders/kit/process"
	databases "orders/orders-actor/doctor"
	"orders/stack"
)

const (
	day          = 24 * time.Hour
	renewWarning = 30 * day // sidecars that run that long must not meet an expired authority

	diskWarning, diskProblem = 2 << 30, 200 << 20 // bytes
)

// Setup is what the checks look at.
type Setup struct {
	stack.Options
	Now   func() time.Time
	Free  func(folder string) (bytes uint64, err error) // disk space
	parts []stack.RunningPart                           // of the running stack; nil if it is stopped
	lock  error                                         // names the running launcher; nil if it is stopped
}

// Run runs all checks, writes their findings, and returns an error if one is a problem.
func Run(ctx context.Context, o stack.Options, out io.Writer) error {
	s, err := New(o)
	if err != nil {
		return err
	}
	return doctor.Run(ctx, out, s.Checks())
}

// New returns the set-up of a data folder.
func New(o stack.Options) (*Setup, error) {
	o, err := stack.Resolve(o)
	if err != nil {
		return nil, err
	}
	s := &Setup{Options: o, Now: time.Now, Free: free}
	lock, err := stack.Lock(o.Home)
	switch {
	case err == nil:
		err = lock.Close()
	case errors.Is(err, stack.ErrInUse):
		s.lock = err
		s.parts, err = stack.Running(o.Home)
	}
	if errors.Is(err, fs.ErrNotExist) { // never started, or a benchmark
		err = nil
	}
	return s, err
}

// Checks returns the table of checks.
func (s *Setup) Checks() []doctor.Check {
	view, state := s.databases()
	return slices.Concat([]doctor.Check{
		{Name: "launcher", Run: s.launcher},
		{Name: "programs", Run: s.programs},
		{Name: "Dapr", Run: s.version},
		{Name: "components", Run: s.components},
		{Name: "ports", Run: s.ports},
		{Name: "parts", Run: s.health},
		{Name: "keys", Run: s.keys},
		{Name: "private files", Run: s.private},
		{Name: "certificates", Run: s.certificates},
		{Name: "disk", Run: s.disk},
	}, databases.Databases(view, state, s.Now), []doctor.Check{
		{Name: "ledger", Run: s.ledger},
	})
}

// databases returns the addresses of the order database and the state store.
func (s *Setup) databases() (view, state string) {
	env, err := stack.Environment(s.Options, stack.OrdersActor)
	if err != nil {
		return filepath.Join(s.Home, "view.db"), filepath.Join(s.Home, "statestore.db")
	}
	if view = env["VIEW_DSN"]; view == "" {
		view = filepath.Join(s.Home, "view.db")
	}
	return view, env["STATE_DSN"]
}

func (s *Setup) launcher(context.Context) []doctor.Finding {
	if s.lock == nil {
		return doctor.Good("the product is stopped; its data folder is %s", s.Home)
	}
	return doctor.Good("%v", s.lock)
}

func (s *Setup) programs(context.Context) (found []doctor.Finding) {
	for _, name := range []string{"orders-actor", "payments-svc", "dapr/daprd", "dapr/placement", "dapr/scheduler", "dapr/sentry"} {
		if info, err := os.Stat(filepath.Join(s.Root, "bin", name)); err != nil || info.IsDir() || info.Mode()&0o100 == 0 {
			found = append(found, doctor.Bad("make build runtime", "bin/%s is not there, or not executable", name)...)
		}
	}
	if found == nil {
		found = doctor.Good("all are built")
	}
	return found
}

var pinned = regexp.MustCompile(`(?m)^runtime=(\S+)`)

// version compares daprd with the version that dapr/build makes.
func (s *Setup) version(ctx context.Context) []doctor.Finding {
	script, err := os.ReadFile(filepath.Join(s.Root, "dapr", "build"))
	want := pinned.FindSubmatch(script)
	if err != nil || want == nil {
		return doctor.Bad("restore the file from git", "dapr/build does not say which version is needed: %v", err)
	}
	got, err := exec.CommandContext(ctx, filepath.Join(s.Root, "bin", "dapr", "daprd"), "--version").Output()
	if version := strings.TrimSpace(string(got)); err != nil || version != string(want[1]) {
		return doctor.Bad("rm -r bin/dapr && make runtime, then restart the product", "daprd has the version %q, needed is %s (%v)", version, want[1], err)
	}
	return doctor.Good("daprd has the version %s", want[1])
}

// ports checks, while the product is stopped, that its addresses are free. While it runs, health checks them.
func (s *Setup) ports(context.Context) (found []doctor.Finding) {
	if s.lock != nil {
		return doctor.Good("held by the running product")
	}
	addresses, err := stack.Addresses(s.Options)
	if err != nil {
		return doctor.Bad("correct the settings", "%v", err)
	}
	for name, standard := range map[string]string{"ORDERS_METRICS_ADDR": "127.0.0.1:9464", "PAYMENTS_METRICS_ADDR": "127.0.0.1:9465"} {
		if addresses[name] = os.Getenv(name); addresses[name] == "" {
			addresses[name] = standard
		}
	}
	for name, address := range addresses {
		if err := process.CheckFree(name, address); err != nil && !s.FreePorts {
			found = append(found, doctor.Bad("stop that process, or set "+name+" to another address", "%v", err)...)
		}
	}
	if found == nil {
		found = doctor.Good("all are free")
	}
	return found
}

// health asks each part of the running product.
func (s *Setup) health(ctx context.Context) (found []doctor.Finding) {
	if s.lock == nil {
		return doctor.Good("the product is stopped")
	}
	if len(s.parts) == 0 {
		return doctor.Warn("wait until `make run` is ready", "the launcher has not started the parts yet")
	}
	client := &http.Client{Timeout: 3 * time.Second}
	for _, p := range s.parts {
		err := answers(ctx, client, p.URL+p.Health)
		if err != nil {
			found = append(found, doctor.Bad(fmt.Sprintf("read %s; restart the product", filepath.Join(s.Home, "logs", p.Name+".log")),
				"%s does not work: %v", p.Name, err)...)
		}
	}
	if found == nil {
		found = doctor.Good("all %d work: placement, scheduler, sentry, the services and their sidecars", len(s.parts))
	}
	return found
}

func answers(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

// keys checks the keys of the services.
func (s *Setup) keys(context.Context) []doctor.Finding {
	file := filepath.Join(s.Home, "secrets.json")
	err := stack.CheckSecrets(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !s.started():
		return doctor.Good("do not exist yet: the first start creates them")
	case errors.Is(err, fs.ErrNotExist):
		return doctor.Bad("restore secrets.json from a backup; otherwise the next start creates keys, and users must sign in again", "secrets.json is missing")
	case err != nil:
		return doctor.Bad("correct secrets.json, or restore it from a backup", "%v", err)
	}
	content, err := os.ReadFile(file)
	if err == nil && strings.Contains(string(content), `-previous"`) {
		return doctor.Warn("finish it: docs/operations.md, Keys", "a rotation is in progress: a previous key is still accepted")
	}
	return doctor.Good("complete")
}

// started reports whether the product has stored orders in this folder.
func (s *Setup) started() bool {
	_, err := os.Stat(filepath.Join(s.Home, "statestore.db"))
	return err == nil
}

// private checks that only the owner can read secrets and data.
func (s *Setup) private(context.Context) (found []doctor.Finding) {
	files := []string{"secrets.json", "sentry", "sentry/issuer.key", "run", "run/parts.json", "statestore.db", "view.db", "ledger.db"}
	for _, name := range files {
		path := filepath.Join(s.Home, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			found = append(found, doctor.Bad("chmod go= "+path, "%s can be read by other users (%v)", name, info.Mode().Perm())...)
		}
	}
	if found == nil {
		found = doctor.Good("only their owner can read them")
	}
	return found
}

func (s *Setup) certificates(context.Context) []doctor.Finding {
	expires, err := stack.AuthorityExpiry(s.Home)
	left := expires.Sub(s.Now())
	const fix = "restart the product: the start makes new certificates"
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.lock == nil:
		return doctor.Good("do not exist yet: the next start makes them")
	case err != nil:
		return doctor.Bad(fix, "cannot be used: %v", err)
	case left <= 0:
		return doctor.Bad(fix, "the authority of the sidecars has expired on %s: no sidecar can start or reach another one", expires.Format(time.DateOnly))
	case left < renewWarning:
		return doctor.Warn(fix, "the authority of the sidecars expires on %s, in %d days", expires.Format(time.DateOnly), left/day)
	}
	return doctor.Good("the authority of the sidecars is valid until %s", expires.Format(time.DateOnly))
}

func (s *Setup) disk(context.Context) []doctor.Finding {
	folder := s.Home
	if _, err := os.Stat(folder); err != nil {
		folder = s.Root
	}
	bytes, err := s.Free(folder)
	const fix = "free disk space, or move DATA_DIR: without space no order is stored"
	switch {
	case err != nil:
		return doctor.Warn("see the error", "free space of %s is unknown: %v", folder, err)
	case bytes < diskProblem:
		return doctor.Bad(fix, "%s has only %d MB left", folder, bytes>>20)
	case bytes < diskWarning:
		return doctor.Warn(fix, "%s has only %d MB left", folder, bytes>>20)
	}
	return doctor.Good("%d GB free", bytes>>30)
}

// free returns the space that this user can write.
func free(folder string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0, err
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
