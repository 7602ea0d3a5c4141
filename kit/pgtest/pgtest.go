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
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orders/kit/process"
)

// timeout of each wait, long enough for a slow machine.
const timeout = 2 * time.Minute

// Server is a PostgreSQL server. Only Database and DSN are safe for concurrent use.
type Server struct {
	bin, dir  string
	port      int
	postgres  process.Process
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
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	account, err := account()
	if err != nil {
		return nil, err
	}
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, port: port}
	s.postgres = process.Process{
		Name: "PostgreSQL", Dir: dir, Log: filepath.Join(dir, "log"), Account: account,
		Command: []string{
			filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
			"-c", "max_connections=200", "-c", "shared_buffers=32MB",
		},
		Ready: func(context.Context) error {
			_, err := s.run("pg_isready", "--quiet", "--dbname", s.DSN())
			return err
		},
		// Unlike SIGKILL, SIGQUIT also ends the server's child processes, so the port is free afterwards.
		StopSignal: syscall.SIGQUIT, StopTimeout: timeout,
	}
	if err := s.create(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) create() error {
	if account := s.postgres.Account; account != nil {
		if err := os.Chown(s.dir, int(account.Uid), int(account.Gid)); err != nil {
			return err
		}
	}
	_, err := s.run("initdb", "--pgdata", filepath.Join(s.dir, "data"), "--username=postgres", "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-sync")
	if err != nil {
		return err
	}
	return s.Start()
}

// PID returns the process id of the server, whose children are the backends.
func (s *Server) PID() int { return s.postgres.PID() }

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
	if err := s.postgres.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.postgres.Await(ctx)
}

// Kill stops the server like a crash: connections break, committed data is kept.
func (s *Server) Kill() error { return s.postgres.Stop() }

// Close stops the server and deletes its data.
func (s *Server) Close() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// run runs one of PostgreSQL's programs to its end.
func (s *Server) run(program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.postgres.Account}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return out, nil
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
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}
