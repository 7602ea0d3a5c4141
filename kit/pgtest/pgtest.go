// Package pgtest runs a real PostgreSQL for tests: Debian's programs, a data folder of its own, a free port of
// 127.0.0.1. It guarantees that nothing is left: the server ends with the test, and with the test's process too if that
// dies. Data survives Kill and Start, not Close. Durability against a machine's crash is switched off; a killed server
// loses nothing.
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

// patience bounds every wait. It is generous: tests run on slow, busy machines.
const patience = 2 * time.Minute

// Server is one PostgreSQL. Its methods aren't meant for concurrent use, apart from Database and DSN.
type Server struct {
	bin, dir  string
	port      int
	account   *syscall.Credential
	process   *os.Process
	exited    chan struct{}
	databases atomic.Int32
}

// Start runs a server that ends with the test. The test fails if PostgreSQL can't be started.
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

// Open is Start for those who have no test at hand, such as TestMain. The caller closes the server.
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

// DSN is the address of the server's first database.
func (s *Server) DSN() string { return s.dsn("postgres") }

// Database makes an empty database and returns its address.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if _, err := s.run("createdb", "--maintenance-db", s.DSN(), name); err != nil {
		tb.Fatal(err)
	}
	return s.dsn(name)
}

// Start starts a server that was killed, on the port that it had, and returns when it takes connections.
func (s *Server) Start() error {
	s.exited = make(chan struct{})
	started := make(chan error, 1)
	go s.serve(started)
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	for deadline := time.Now().Add(patience); ; {
		_, err := s.run("pg_isready", "--quiet", "--dbname", s.DSN())
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(s.log())
			return fmt.Errorf("PostgreSQL ended while it started:\n%s", log)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL took more than %v to start: %w", patience, err)
		}
	}
}

// serve starts the server and waits for its end. It keeps its thread meanwhile: the kernel sends the death signal when
// the thread that forked ends, not the process.
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
	cmd.SysProcAttr.Setpgid = true // a Ctrl-C is for the test, which then ends the server in order
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	s.process = cmd.Process
	started <- nil
	_ = cmd.Wait() // how it ends is of no interest; that it ended is
}

// Kill ends the server at once, as a crash would: connections break, committed data stays.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	// SIGQUIT, not SIGKILL: the backends go down with the server, and the port is free again when this returns.
	return s.end(syscall.SIGQUIT)
}

// Close ends the server and deletes its data.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}

func (s *Server) end(sig syscall.Signal) error {
	if err := s.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("PostgreSQL took more than %v to end", patience)
	}
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

func (s *Server) run(program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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

// programs finds the folder of PostgreSQL's programs: Debian's newest version, or wherever the path says.
func programs() (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL isn't installed (Debian's package postgresql): %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// account is the user that the server runs as: PostgreSQL refuses to run as root.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no other account is needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL doesn't run as root and needs the user postgres: %w", err)
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
