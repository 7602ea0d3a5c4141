package stack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"orders/kit/process"
)

// Resolve returns the options with their defaults, or why they are invalid. It changes nothing on disk.
func Resolve(o Options) (Options, error) {
	s, err := resolve(o)
	if err != nil {
		return o, err
	}
	return s.o, nil
}

// resolve validates the options and fills in their defaults. It changes nothing on disk.
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
		s.token = newKey()
	}
	s.stop = sync.OnceValue(s.stopAll)
	if o.RunFile == "" {
		o.RunFile = filepath.Join(o.Root, "dapr", "dapr.yaml")
	}
	s.file, err = readRunFile(o.RunFile)
	for i, a := range s.file.Apps {
		if command, ok := o.Commands[a.ID]; ok {
			s.file.Apps[i].Command = command
		}
	}
	return s, err
}

// prepare creates the data folder and its secrets, and locks the folder for this process.
func prepare(o Options) (*Stack, error) {
	s, err := resolve(o)
	if err != nil {
		return nil, err
	}
	o = s.o
	if process.Limits != "" {
		fmt.Fprintln(o.Stdout, "note:", process.Limits)
	}
	for _, dir := range []string{"logs", "sentry", "scheduler", "run"} {
		if err := os.MkdirAll(filepath.Join(o.Home, dir), 0o700); err != nil {
			return nil, err
		}
	}
	if s.lock, err = Lock(o.Home); err != nil {
		return nil, err
	}
	s.setActivity("starting")
	secrets := filepath.Join(o.Home, "secrets.json")
	err = s.makeSecrets(secrets)
	if err == nil {
		err = makeDatabasesPrivate(o.Home)
	}
	if err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// makeDatabasesPrivate makes database files that an earlier version created readable by their owner only. SQLite creates its
// journal files with the mode of the database.
func makeDatabasesPrivate(home string) error {
	files, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !strings.Contains(file.Name(), ".db") {
			continue
		}
		if err := os.Chmod(filepath.Join(home, file.Name()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Root returns the folder of the repository that contains the working directory.
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
			return "", errors.New("found no dapr/dapr.yaml in this folder or a parent")
		}
		dir = filepath.Dir(dir)
	}
}

// ErrInUse is returned by Lock while a launcher uses the folder.
var ErrInUse = errors.New("another launcher uses")

// Lock ensures that only one launcher uses a data folder, until the file is closed. The kernel releases the lock when the
// process ends.
func Lock(home string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(home, "run", "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := process.LockFile(f); err != nil {
		holder, _ := io.ReadAll(f)
		return nil, errors.Join(fmt.Errorf("%w %s: %s", ErrInUse, home, holder), f.Close())
	}
	return f, nil
}

// setActivity writes what this launcher is doing into the lock file, for the error message of a second launcher.
func (s *Stack) setActivity(format string, args ...any) {
	text := fmt.Appendf(nil, "process %d (%s)", os.Getpid(), fmt.Sprintf(format, args...))
	if err := s.lock.Truncate(0); err == nil {
		_, _ = s.lock.WriteAt(text, 0)
	}
}
