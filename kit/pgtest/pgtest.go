// Package pgtest runs a real PostgreSQL for tests, with Debian's programs, a new data directory and a free port of 127.0.0.1.
//
// The server ends with the test, and also if the test's process is killed. Data survives Kill and Start, but not Close. fsync
// is off: committed data survives a killed server, but not a crash of the machine.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orders/kit/freeport"
)

// timeout of each wait, long enough for a slow machine.
const timeout = 2 * time.Minute

// Server is a PostgreSQL server. Only Database and DSN are safe for concurrent use.
type Server struct {
	bin, dir  string
	port      int
	account   *syscall.Credential
	process   *os.Process
	exited    chan struct{}
	databases atomic.Int32
}

// Start starts a server that ends with the test. It fails the test if PostgreSQL does not start.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := Open()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Open starts a server without a test, for TestMain. The caller must close it.
func Open() (*Server, error) {
	s := &Server{}
	var err error
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.account, err = account(); err != nil {
		return nil, err
	}
	if s.port, err = freeport.Get(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pg-"); err != nil {
		return nil, err
	}
	if err := s.create(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) create() error {
	if s.account != nil {
		if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return err
		}
	}
	_, err := s.run("initdb", "--pgdata", s.data(), "--username=postgres", "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-sync")
	if err != nil {
		return err
	}
	return s.Start()
}

// DSN returns the address of the server's first database.
func (s *Server) DSN() string { return s.dsn("postgres") }

// Database creates an empty database and returns its address.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if _, err := s.run("createdb", "--maintenance-db", s.DSN(), name); err != nil {
		tb.Fatal(err)
	}
	return s.dsn(name)
}

// Start starts a killed server on the same port, and returns when it accepts connections.
func (s *Server) Start() error {
	s.exited = make(chan struct{})
	started := make(chan error, 1)
	go s.serve(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	for deadline := time.Now().Add(timeout); ; {
		_, err := s.run("pg_isready", "--quiet", "--dbname", s.DSN())
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(s.log())
			return fmt.Errorf("start PostgreSQL: it exited:\n%s", log)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start PostgreSQL: timeout after %v: %w", timeout, err)
		}
	}
}

// serve starts the server and waits until it exits. It locks its thread, because the kernel sends the parent-death signal
// when the thread that started the process ends.
func (s *Server) serve(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.exited)
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		started <- err
		return
	}
	defer log.Close()
	cmd := s.command(context.Background(), "postgres", "-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Setpgid = true // Ctrl-C must end only the test, which then stops the server
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	s.process = cmd.Process
	started <- nil
	_ = cmd.Wait() // only the exit matters, not its status
}

// Kill stops the server like a crash: connections break, committed data is kept.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	// Unlike SIGKILL, SIGQUIT also ends the server's child processes, so the port is free afterwards.
	return s.end(syscall.SIGQUIT)
}

// Close stops the server and deletes its data.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}

func (s *Server) end(sig syscall.Signal) error {
	if err := s.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("stop PostgreSQL: timeout after %v", timeout)
	}
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

func (s *Server) run(program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	out, err := s.command(ctx, program, args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return out, nil
}

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return cmd
}

// programs returns the directory of PostgreSQL's programs: Debian's newest version, or the one in PATH.
func programs() (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("find PostgreSQL (Debian's package postgresql): %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// account returns the user postgres if this process is root, since PostgreSQL does not run as root; otherwise nil.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the current user
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the user postgres, since PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
