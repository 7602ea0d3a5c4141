//go:build linux

package backup_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/stack"
	"orders/stack/backup"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newHome returns a data folder with one row in each database, and the connections to them.
func newHome(t *testing.T) (home string, dbs map[string]*sql.DB) {
	t.Helper()
	home, dbs = t.TempDir(), map[string]*sql.DB{}
	for _, name := range []string{"view.db", "statestore.db", "ledger.db"} {
		dbs[name] = open(t, filepath.Join(home, name))
		_, err := dbs[name].ExecContext(t.Context(), `CREATE TABLE state (key INTEGER PRIMARY KEY); INSERT INTO state VALUES (1)`)
		require.NoError(t, err)
	}
	require.NoError(t, os.Mkdir(filepath.Join(home, "scheduler"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "scheduler", "member"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "secrets.json"), []byte("{}"), 0o600))
	return home, dbs
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM state`).Scan(&n))
	return n
}

func TestBackupOfWrittenDatabasesIsRestored(t *testing.T) {
	home, dbs := newHome(t)
	var output strings.Builder
	o := stack.Options{Home: home, Stdout: &output}
	folder := filepath.Join(t.TempDir(), "monday")
	var writing sync.WaitGroup
	begun, stop := make(chan struct{}), make(chan struct{})
	writing.Go(func() {
		for n := 2; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := dbs["statestore.db"].ExecContext(t.Context(), `INSERT INTO state VALUES ($1)`, n); err != nil {
				t.Error(err)
				return
			}
			if n == 10 {
				close(begun)
			}
		}
	})
	<-begun
	require.NoError(t, backup.Backup(t.Context(), o, folder+"/"))
	close(stop)
	writing.Wait()
	assert.Contains(t, output.String(), folder)
	for _, name := range []string{"view.db", "statestore.db", "ledger.db", "secrets.json", "backup.json"} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, name)
	}
	require.ErrorContains(t, backup.Backup(t.Context(), o, folder), "exists")

	_, err := dbs["ledger.db"].ExecContext(t.Context(), `DELETE FROM state`)
	require.NoError(t, err)
	for _, db := range dbs {
		require.NoError(t, db.Close())
	}
	require.NoError(t, os.MkdirAll(filepath.Join(home, "run"), 0o700))
	lock, err := stack.Lock(home)
	require.NoError(t, err)
	require.ErrorIs(t, backup.Restore(t.Context(), o, folder), stack.ErrInUse)
	require.NoError(t, lock.Close())

	require.NoError(t, backup.Restore(t.Context(), o, folder))
	assert.Equal(t, 1, rows(t, open(t, filepath.Join(home, "ledger.db"))))
	assert.Equal(t, 1, rows(t, open(t, filepath.Join(home, "view.db"))))
	assert.GreaterOrEqual(t, rows(t, open(t, filepath.Join(home, "statestore.db"))), 9)
	assert.NoFileExists(t, filepath.Join(home, "scheduler", "member"), "the reminders of the replaced orders")
	aside, err := filepath.Glob(filepath.Join(home, "replaced-*", "ledger.db"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
	assert.Zero(t, rows(t, open(t, aside[0])))
}

func TestUnusableBackupChangesNothing(t *testing.T) {
	home, _ := newHome(t)
	o := stack.Options{Home: home}
	for name, spoil := range map[string]func(folder string) error{
		"changed file":     func(folder string) error { return os.WriteFile(filepath.Join(folder, "ledger.db"), []byte("x"), 0o600) },
		"missing file":     func(folder string) error { return os.Remove(filepath.Join(folder, "view.db")) },
		"not complete":     func(folder string) error { return os.Remove(filepath.Join(folder, "backup.json")) },
		"damaged manifest": func(folder string) error { return os.WriteFile(filepath.Join(folder, "backup.json"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "backup")
			require.NoError(t, backup.Backup(t.Context(), o, folder))
			require.NoError(t, spoil(folder))
			require.ErrorContains(t, backup.Restore(t.Context(), o, folder), "can't be used")
			aside, err := filepath.Glob(filepath.Join(home, "replaced-*"))
			require.NoError(t, err)
			assert.Empty(t, aside)
		})
	}

	require.NoError(t, os.Remove(filepath.Join(home, "secrets.json")))
	folder := filepath.Join(t.TempDir(), "backup")
	require.Error(t, backup.Backup(t.Context(), o, folder), "without keys")
	assert.NoDirExists(t, folder)
	require.ErrorContains(t, backup.Backup(t.Context(), stack.Options{Home: home, Postgres: "postgres://db"}, folder), "pg_dump")
}

func TestFailedBackupLeavesNothing(t *testing.T) {
	home, _ := newHome(t)
	require.NoError(t, os.Remove(filepath.Join(home, "secrets.json")))
	parent := t.TempDir()
	require.Error(t, backup.Backup(t.Context(), stack.Options{Home: home}, filepath.Join(parent, "monday")))
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Empty(t, left)
}
