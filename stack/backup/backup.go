// Package backup copies the data of `make run` on SQLite to a folder and back.
//
// A backup has the order database, the state store, the ledger and the keys. It is made while the product runs. The state store is
// copied after the order database, which `orders-actor rebuild` completes after a restore. The ledger is copied last: a payment that
// the states do not know yet is then decided in the copy, and repeated after a restore. Reminders are not copied: after a restore they are
// registered again.
package backup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"orders/stack"
)

// The files of a backup. databases is in the order of the copies.
var databases = []string{"view.db", "statestore.db", "ledger.db"}

const (
	keys         = "secrets.json"
	manifestFile = "backup.json"
)

// manifest is the last file that a backup writes.
type manifest struct {
	Made  time.Time         `json:"made"`
	Files map[string]string `json:"files"` // SHA-256
}

// errPostgres names the way for data in PostgreSQL.
var errPostgres = errors.New("the data is in PostgreSQL: use pg_dump and pg_restore, see docs/operations.md")

// resolve returns the options of a set-up whose data is in SQLite files of its folder.
func resolve(o stack.Options) (stack.Options, error) {
	o, err := stack.Resolve(o)
	if err != nil {
		return o, err
	}
	env, err := stack.Environment(o, stack.OrdersActor)
	if err == nil && (o.Postgres != "" || env["VIEW_DSN"] != "") {
		err = errPostgres
	}
	return o, err
}

// Backup copies the data to a new folder. The product may be running.
func Backup(ctx context.Context, o stack.Options, folder string) (err error) {
	o, err = resolve(o)
	if err != nil {
		return err
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %s exists", folder)
	}
	partial := filepath.Clean(folder) + ".partial" // also if the name ends with a slash
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o700)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil { // it may have the keys
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	m := manifest{Made: time.Now().UTC().Truncate(time.Second), Files: map[string]string{}}
	for _, name := range databases {
		if err := copyDatabase(ctx, filepath.Join(o.Home, name), filepath.Join(partial, name)); err != nil {
			return fmt.Errorf("backup %s: %w", name, err)
		}
	}
	if err := copyFile(filepath.Join(o.Home, keys), filepath.Join(partial, keys)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for _, name := range append(databases, keys) {
		if m.Files[name], err = sum(filepath.Join(partial, name)); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	content, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(partial, manifestFile), content, 0o600)
	}
	if err == nil {
		err = os.Rename(partial, folder)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	fmt.Fprintf(o.Stdout, "backed up to %s; it has the keys of the services, so keep it secret\n", folder)
	return nil
}

// Restore replaces the data by that of a backup. The product must be stopped. `orders-actor rebuild` must follow. The replaced files are kept in a new folder beside
// them.
func Restore(ctx context.Context, o stack.Options, folder string) (err error) {
	o, err = resolve(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(o.Home, "run"), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	lock, err := stack.Lock(o.Home)
	if err != nil {
		return fmt.Errorf("restore: stop the product first: %w", err)
	}
	defer lock.Close()
	if err := check(ctx, folder); err != nil {
		return fmt.Errorf("restore: the backup %s can't be used: %w", folder, err)
	}
	aside := filepath.Join(o.Home, time.Now().UTC().Format("replaced-20060102T150405.000"))
	if err := moveAside(o.Home, aside); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, name := range append(databases, keys) {
		if err := copyFile(filepath.Join(folder, name), filepath.Join(o.Home, name)); err != nil {
			return fmt.Errorf("restore: %w; the replaced files are in %s", err, aside)
		}
	}
	fmt.Fprintf(o.Stdout, "restored; the replaced files are in %s and may be deleted\n", aside)
	return nil
}

// moveAside moves everything that a restore replaces. The reminders belong to the replaced orders.
func moveAside(home, aside string) error {
	if err := os.Mkdir(aside, 0o700); err != nil {
		return err
	}
	for _, pattern := range []string{"view.db*", "statestore.db*", "ledger.db*", keys, "scheduler"} {
		files, err := filepath.Glob(filepath.Join(home, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := os.Rename(file, filepath.Join(aside, filepath.Base(file))); err != nil {
				return err
			}
		}
	}
	return nil
}

// check returns why a backup can't be restored.
func check(ctx context.Context, folder string) error {
	content, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return fmt.Errorf("%s: %w", manifestFile, err)
	}
	for _, name := range append(databases, keys) {
		got, err := sum(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if got != m.Files[name] {
			return fmt.Errorf("%s has changed since the backup was made", name)
		}
	}
	return ctx.Err()
}

// copyDatabase copies an SQLite database, also while others write to it, and checks the copy.
func copyDatabase(ctx context.Context, from, to string) error {
	if err := withDatabase(from, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, to)
		return err
	}); err != nil {
		return err
	}
	return withDatabase(to, func(db *sql.DB) error {
		var result string
		if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&result); err != nil {
			return err
		}
		if result != "ok" {
			return fmt.Errorf("the copy is damaged: %s", result)
		}
		return os.Chmod(to, 0o600)
	})
}

func withDatabase(path string, do func(*sql.DB) error) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(20000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(db)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
