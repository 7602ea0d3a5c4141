package doctor_test

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	check "orders/kit/doctor"
	"orders/kit/pgtest"
	"orders/orders-actor/doctor"
	"orders/orders-actor/orderdb"
)

func findings(t *testing.T, dsn string, now func() time.Time) (found []string) {
	t.Helper()
	for _, c := range doctor.Databases(dsn, dsn, now) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for _, f := range c.Run(ctx) {
			if f.Level != check.OK {
				found = append(found, string(f.Level)+" "+c.Name+": "+f.Text)
				assert.NotEmpty(t, f.Fix)
			}
		}
		cancel()
	}
	return found
}

// The faults of SQLite files are in the tests of package stack/doctor.
func TestFaultsOfPostgreSQLAreFound(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.Database(t)
	assert.Empty(t, findings(t, dsn, time.Now), "a new database")
	db, err := orderdb.Open(t.Context(), dsn)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	assert.Empty(t, findings(t, dsn, time.Now), "after the first start")

	for skew, want := range map[time.Duration]string{
		10 * time.Second: "warning clock: differs by ", -10 * time.Second: "warning clock: differs by ", time.Hour: "problem clock: differs by ",
	} {
		found := findings(t, dsn, func() time.Time { return time.Now().Add(skew) })
		require.Len(t, found, 1)
		assert.Contains(t, found[0], want)
	}

	raw, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.ExecContext(t.Context(), `DELETE FROM view_migrations WHERE name LIKE '0003%'`)
	require.NoError(t, err)
	found := findings(t, dsn, time.Now)
	require.Len(t, found, 1)
	assert.Contains(t, found[0], "warning order database: has not run the migrations 0003")

	require.NoError(t, server.Kill())
	found = findings(t, dsn, time.Now)
	require.NotEmpty(t, found)
	assert.Contains(t, found[0], "problem order database: does not answer")

	secret, err := url.Parse(dsn)
	require.NoError(t, err)
	secret.User = url.UserPassword("postgres", "hunter2")
	for _, f := range findings(t, secret.String(), time.Now) {
		assert.NotContains(t, f, "hunter2")
	}
}
