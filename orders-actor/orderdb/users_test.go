package orderdb_test

import (
	"database/sql"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/orderdb"
)

// Runs the script of the chart and docker-compose.yml that separates the database users, on a new database and on one of an
// earlier release with one user for everything.
func TestDatabaseUsersCanReadOnlyTheirOwnTables(t *testing.T) {
	for name, prepared := range map[string]bool{"new database": false, "database of an earlier release": true} {
		t.Run(name, func(t *testing.T) {
			admin := postgres.Database(t)
			if prepared {
				old, err := orderdb.Open(t.Context(), admin)
				require.NoError(t, err)
				require.NoError(t, old.Close())
				execute(t, admin, `CREATE TABLE ledger_state (key text)`)
				execute(t, admin, `CREATE TABLE state (key text)`)
			}
			for range 2 { // every start runs it
				out, err := exec.Command(psql(t), "-q", "-d", admin, "-v", "orders_password=a", "-v", "ledger_password=it's b",
					"-f", "../../helm/files/database-users.sql").CombinedOutput()
				require.NoError(t, err, string(out))
			}
			orders, ledger := as(t, admin, "orders_app"), as(t, admin, "orders_ledger")
			db, err := orderdb.Open(t.Context(), orders)
			require.NoError(t, err)
			require.NoError(t, db.Ready(t.Context()))
			require.NoError(t, db.Close())
			if !prepared {
				execute(t, ledger, `CREATE TABLE ledger_state (key text)`)
				execute(t, orders, `CREATE TABLE state (key text)`)
			}
			execute(t, orders, `ALTER TABLE state ADD COLUMN more text`)
			execute(t, ledger, `ALTER TABLE ledger_state ADD COLUMN more text`)
			require.ErrorContains(t, try(t, ledger, `SELECT * FROM state`), "permission denied")
			require.ErrorContains(t, try(t, ledger, `SELECT * FROM orders`), "permission denied")
			require.ErrorContains(t, try(t, orders, `SELECT * FROM ledger_state`), "permission denied")
			require.ErrorContains(t, try(t, orders, `CREATE ROLE other`), "permission denied")
		})
	}
}

func as(t *testing.T, dsn, user string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.User(user)
	return u.String()
}

func execute(t *testing.T, dsn, query string) {
	t.Helper()
	require.NoError(t, try(t, dsn, query), query)
}

func try(t *testing.T, dsn, query string) error {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), query)
	return err
}

func psql(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("psql"); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
	require.NoError(t, err)
	require.NotEmpty(t, found, "psql is missing")
	return found[len(found)-1]
}
