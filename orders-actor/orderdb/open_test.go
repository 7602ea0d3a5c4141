package orderdb_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
)

func TestInvalidDSNIsRefusedWithoutItsPassword(t *testing.T) {
	for _, dsn := range []string{
		"postgresql+psycopg://u:hunter2@h/db", "mysql://u:hunter2@h/db", "Postgres://u:hunter2@h/db", "postgres:u:hunter2@h/db",
		"u:hunter2@h/db", "//u:hunter2@h/db", "host=h user=u password=hunter2", "postgres://u:hunter2/x@h/db", "postgres://u:%zzhunter2@h/db",
		"postgres://u:hunter2@h/db?sslmode=hunter2", "postgres://u:hunter2@h:port/db", "file:u:hunter2@h",
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		_, err := orderdb.Open(t.Context(), dsn)
		require.Error(t, err, dsn)
		assert.NotContains(t, err.Error(), "hunter2", dsn)
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, files, dsn)
	}
	require.ErrorContains(t, sqldb.CheckDSN("postgresql+psycopg://u:p@h/db"), `"postgresql+psycopg"`)
	for _, dsn := range []string{".data/view.db", "/data/view.db", "file:view.db", "file:///data/view.db", " postgres://u:p@h/db ", "postgresql://h/db"} {
		require.NoError(t, sqldb.CheckDSN(dsn), dsn)
	}
}

// connections counts the connections of order databases to this database.
func connections(t *testing.T, dsn string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'orders-actor view'`).Scan(&n))
	return n
}

func TestPoolsKeepLimitOfConnections(t *testing.T) {
	const limit = 6
	dsn := postgres.Database(t)
	db, err := orderdb.OpenPool(t.Context(), dsn, limit)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()

	var calls sync.WaitGroup
	for range 40 {
		calls.Go(func() {
			_, err := db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Text: "tea"}})
			assert.NoError(t, err)
		})
		calls.Go(func() {
			assert.NoError(t, db.Put(t.Context(), newOrder(t, "ada", start)))
		})
		calls.Go(func() { assert.NoError(t, db.Ready(t.Context())) })
	}
	calls.Wait()
	require.LessOrEqual(t, connections(t, dsn), limit)
}

func TestReadyFailsWithoutTable(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		require.NoError(t, db.Ready(t.Context()), "empty")
		put(t, db, newOrder(t, "ada", start))
		require.NoError(t, db.Ready(t.Context()))

		driver := "sqlite"
		if strings.HasPrefix(dsn, "postgres") {
			driver = "pgx"
		}
		other, err := sql.Open(driver, dsn)
		require.NoError(t, err)
		defer other.Close()
		_, err = other.ExecContext(t.Context(), `ALTER TABLE orders RENAME TO renamed`)
		require.NoError(t, err)
		require.Error(t, db.Ready(t.Context()))
	})
}

// startPgBouncer starts a PgBouncer with default settings before the test server, and returns the DSN to it.
func startPgBouncer(t *testing.T, dsn, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("needs pgbouncer in PATH")
	}
	dir, err := os.MkdirTemp("", "pgbouncer") //nolint:usetesting // its user must have access to the folder
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())

	server, database, _ := strings.Cut(strings.TrimPrefix(dsn, "postgres://postgres@"), "/")
	database, _, _ = strings.Cut(database, "?")
	host, port, err := net.SplitHostPort(server)
	require.NoError(t, err)
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n%s = host=%s port=%s user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = any\npool_mode = %s\n", database, host, port, address.Port, mode)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))

	cmd := exec.CommandContext(t.Context(), program, "-q", config)
	if os.Getuid() == 0 { // it refuses to run as root
		const nobody = 65534
		require.NoError(t, os.Chown(dir, nobody, nobody))
		require.NoError(t, os.Chown(config, nobody, nobody))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address.String())
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, 10*time.Second, 20*time.Millisecond)
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", address, database)
}

func TestDatabaseBehindPgBouncer(t *testing.T) {
	for _, mode := range []string{"session", "transaction"} {
		t.Run(mode, func(t *testing.T) {
			db := open(t, startPgBouncer(t, postgres.Database(t), mode))
			head, err := db.Head(t.Context())
			require.NoError(t, err)
			var calls sync.WaitGroup
			for range 8 { // in transaction mode they share server connections
				calls.Go(func() {
					for range 20 {
						s := newOrder(t, "ada", start)
						putErr := db.Put(t.Context(), s)
						_, getErr := db.Get(t.Context(), s.ID)
						_, listErr := db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Text: "green", Customer: "ada"}})
						if !assert.NoError(t, errors.Join(putErr, getErr, listErr)) {
							return
						}
					}
				})
			}
			calls.Wait()
			require.NoError(t, db.Ready(t.Context()))
			events, err := db.Events(t.Context(), orderdb.EventQuery{After: head, Limit: 500})
			require.NoError(t, err)
			require.Len(t, events.Events, 160)
		})
	}
}
