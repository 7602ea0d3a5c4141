package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/dapr"
	"orders/kit/pgtest"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/stack"
)

// The drills lose the data of one part while the product runs, follow docs/operations.md, and check that nothing is missing.

// command runs bin/stack on the data of s and returns its output.
func command(t *testing.T, s *stack.Stack, postgres string, args ...string) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "stack"), append([]string{"-home", s.Home(), "-postgres", postgres}, args...)...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

// startDrill starts a stack on SQLite in which every payment is confirmed.
func startDrill(t *testing.T, deliverAfter string) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": deliverAfter}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// reminders asks the sidecar of orders-actor for the reminders of orders.
func reminders(t *testing.T, s *stack.Stack) func(id string) (found bool) {
	t.Helper()
	parts, err := stack.Running(s.Home())
	require.NoError(t, err)
	for _, p := range parts {
		if p.Name != stack.OrdersActor {
			continue
		}
		conn, err := dapr.Dial("127.0.0.1:"+p.Sidecar["DAPR_GRPC_PORT"], p.Sidecar["DAPR_API_TOKEN"])
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		sidecar := runtime.NewDaprClient(conn)
		return func(id string) bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got, err := sidecar.GetActorReminder(ctx, &runtime.GetActorReminderRequest{ActorType: "Order", ActorId: id, Name: "deliver"})
			return err == nil && got.GetActorType() != ""
		}
	}
	require.Fail(t, "orders-actor is not running")
	return nil
}

func TestLostRemindersAreRegisteredAgain(t *testing.T) {
	s := startDrill(t, "1h")
	c := login(t, s.URL(), "alice", api.RoleCustomer)
	confirmed := func(o api.Order) bool { return o.Status == api.StatusConfirmed }
	var ids []string
	for range 5 {
		ids = append(ids, c.await(t, c.created(t).ID, "confirmed", confirmed).ID)
	}
	hasReminder := reminders(t, s)
	for _, id := range ids {
		require.True(t, hasReminder(id), "the check itself works")
	}

	require.NoError(t, s.Stop("scheduler"))
	lost := filepath.Join(s.Home(), "scheduler")
	require.NoError(t, os.RemoveAll(lost))
	require.NoError(t, os.Mkdir(lost, 0o700))
	require.NoError(t, s.Start("scheduler"))
	require.NoError(t, s.WaitReady(t.Context()))
	for _, id := range ids {
		require.False(t, hasReminder(id))
	}

	await(t, "the sidecar is connected to the scheduler again", func() bool {
		return strings.Contains(command(t, s, "", "rearm"), fmt.Sprintf("orders=%d", len(ids)))
	})
	for _, id := range ids {
		assert.True(t, hasReminder(id))
	}
}

// ledgerEntries returns the kinds of the entries of each order's payment.
func ledgerEntries(t *testing.T, s *stack.Stack) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Home(), "ledger.db")+"?mode=ro&_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT key, value, is_binary FROM state WHERE key LIKE 'payments-svc||%-%'`)
	require.NoError(t, err)
	defer rows.Close()
	entries := map[string]string{}
	for rows.Next() {
		var key string
		var value []byte
		var binary bool
		require.NoError(t, rows.Scan(&key, &value, &binary))
		saved, err := actorstore.Saved(value, binary)
		require.NoError(t, err)
		var p struct {
			Entries []struct{ Kind string }
		}
		require.NoError(t, json.Unmarshal(saved, &p), "%s", saved)
		kinds := []string{}
		for _, e := range p.Entries {
			kinds = append(kinds, e.Kind)
		}
		entries[strings.TrimPrefix(key, "payments-svc||")] = strings.Join(kinds, " ")
	}
	require.NoError(t, rows.Err())
	return entries
}

// With a lost ledger, payments-svc would decide again about orders that it has charged. It makes no decision until the ledger is
// restored.
func TestLostLedgerIsRestoredAndNobodyIsChargedTwice(t *testing.T) {
	s := startDrill(t, "1h")
	c := login(t, s.URL(), "alice", api.RoleCustomer)
	confirmed := func(o api.Order) bool { return o.Status == api.StatusConfirmed }
	var ids []string
	for range 3 {
		ids = append(ids, c.await(t, c.created(t).ID, "confirmed", confirmed).ID)
	}
	c.cancel(t, ids[1])
	await(t, "the void", func() bool { return ledgerEntries(t, s)[ids[1]] == "charged voided" })
	before := ledgerEntries(t, s)
	// As far as its state tells, this order may have been charged.
	require.NoError(t, s.Stop(stack.PaymentsSvc))
	waiting := c.created(t).ID

	require.NoError(t, s.Stop(stack.PaymentsSvc+".sidecar"))
	files, err := filepath.Glob(filepath.Join(s.Home(), "ledger.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, s.Start(stack.PaymentsSvc+".sidecar"))
	require.NoError(t, s.Start(stack.PaymentsSvc))
	require.NoError(t, s.WaitReady(t.Context()))

	// Orders wait, and so does the void of a cancelled one.
	c.cancel(t, ids[2])
	await(t, "payments are refused, and the log says why", func() bool {
		log, err := os.ReadFile(filepath.Join(s.Home(), "logs", "orders-actor.log"))
		require.NoError(t, err)
		return strings.Contains(string(log), "must be restored")
	})
	require.Empty(t, ledgerEntries(t, s))
	later := c.created(t).ID

	output := command(t, s, "", "restore-ledger")
	assert.Contains(t, output, "failed=0")
	await(t, "the void", func() bool { return ledgerEntries(t, s)[ids[2]] == "charged voided" })
	declined := c.await(t, waiting, "declined", final)
	assert.Equal(t, api.StatusCancelled, declined.Status, "it may have been charged, so it is not charged again")
	c.await(t, later, "final or confirmed", func(o api.Order) bool { return o.Status != api.StatusCreated })
	after := ledgerEntries(t, s)
	assert.Equal(t, before[ids[0]], after[ids[0]])
	assert.Equal(t, before[ids[1]], after[ids[1]])
	fresh := c.await(t, c.created(t).ID, "decided", func(o api.Order) bool { return o.Status != api.StatusCreated })
	assert.Equal(t, api.StatusConfirmed, fresh.Status)
}

// emptied removes all orders and events from the order database, as its loss and new creation would, while the replicas run.
func emptied(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	var tables string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
		AND tablename NOT LIKE '%state' AND tablename NOT LIKE '%dapr%' AND tablename NOT LIKE 'view_%'`).Scan(&tables))
	require.Contains(t, tables, "orders")
	_, err = db.ExecContext(t.Context(), "TRUNCATE "+tables)
	require.NoError(t, err)
}

// equalsActors compares every order in the order database with the state of its actor.
func equalsActors(t *testing.T, viewDSN, stateDSN string) (orders int) {
	t.Helper()
	store, err := actorstore.Open(stateDSN)
	require.NoError(t, err)
	defer store.Close()
	db, err := orderdb.Open(t.Context(), viewDSN)
	require.NoError(t, err)
	defer db.Close()
	for after := ""; ; {
		entries, last, err := store.Page(t.Context(), after, 100)
		require.NoError(t, err)
		if last == "" {
			break
		}
		after = last
		for _, e := range entries {
			require.NoError(t, e.Err)
			orders++
			held, found, err := db.Find(t.Context(), e.State.ID)
			require.NoError(t, err)
			if assert.True(t, found, "order %s is not in the order database", e.State.ID) {
				assert.Equal(t, e.State, held)
			}
		}
	}
	var listed int
	require.NoError(t, db.Export(t.Context(), orderdb.Query{}, func(order.Order) error { listed++; return nil }))
	assert.Equal(t, orders, listed, "the list has every order once")
	return orders
}

func TestOrderDatabaseLostUnderLoadIsRebuilt(t *testing.T) {
	postgres := pgtest.Start(t).DSN()
	s := replicatedOn(t, postgres, "3s")
	l := startLoad(t, s)
	defer l.stop()
	await(t, "orders before the loss", func() bool { return l.made() >= 60 })
	l.databaseLost.Store(true) // a create may be answered before the loss, and its cancel after it
	emptied(t, postgres)
	lost := l.made()
	await(t, "orders after the loss", func() bool { return l.made() >= lost+20 })
	output := command(t, s, postgres, "rebuild")
	assert.Regexp(t, `restored=[1-9]`, output)
	rebuilt := l.made()
	await(t, "orders after the rebuild", func() bool { return l.made() >= rebuilt+20 })

	l.check(t)
	await(t, "no order is changing any more", func() bool { return quiet(t, postgres) })
	assert.Equal(t, l.made(), equalsActors(t, postgres, postgres))
}

// quiet reports whether all orders are final and have no pending void.
func quiet(t *testing.T, dsn string) bool {
	t.Helper()
	return quietOn(t, "pgx", dsn)
}

func quietOn(t *testing.T, driver, dsn string) bool {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	defer db.Close()
	var pending int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM orders WHERE void_owed OR status IN ('created', 'confirmed')`).Scan(&pending))
	return pending == 0
}

// A backup made under load is restored after all data was lost: each order continues as it was in the backup.
func TestBackupUnderLoadIsRestored(t *testing.T) {
	home := t.TempDir()
	o := stack.Options{Home: home, FreePorts: true, Env: map[string]map[string]string{
		stack.OrdersActor: {"DELIVER_AFTER": "2s", "RATE_LIMIT": "0"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
	}}
	s, err := stack.Start(t.Context(), o)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	l := startLoad(t, s)
	defer l.stop()
	await(t, "orders before the backup", func() bool { return l.made() >= 40 })
	before := l.acknowledged()
	folder := filepath.Join(t.TempDir(), "backup")
	command(t, s, "", "backup", folder)
	after := l.made()
	await(t, "orders after the backup", func() bool { return l.made() >= after+10 })
	l.check(t)
	require.NoError(t, s.Close())
	for _, name := range []string{"view.db", "statestore.db", "ledger.db", "secrets.json", "scheduler"} {
		require.NoError(t, os.RemoveAll(filepath.Join(home, name)))
	}

	assert.Contains(t, command(t, s, "", "restore", folder), "restored")
	s, err = stack.Start(t.Context(), o)
	require.NoError(t, err)
	command(t, s, "", "rearm")
	c := login(t, s.URL(), "load", api.RoleCustomer)
	for id, cancelled := range before {
		got := c.await(t, id, "final", final)
		if cancelled {
			assert.Equal(t, api.StatusCancelled, got.Status)
		}
	}
	await(t, "the voids", func() bool {
		for _, kinds := range ledgerEntries(t, s) {
			if strings.Count(kinds, "charged") > 1 {
				t.Errorf("charged twice: %s", kinds)
			}
		}
		return quietOn(t, "sqlite", "file:"+filepath.Join(home, "view.db")+"?mode=ro&_pragma=busy_timeout(20000)")
	})
	assert.GreaterOrEqual(t, equalsActors(t, filepath.Join(home, "view.db"), filepath.Join(home, "statestore.db")), len(before))
	output := command(t, s, "", "doctor")
	assert.Contains(t, output, "0 problems")
}

// pg runs a program of PostgreSQL.
func pg(t *testing.T, program string, args ...string) {
	t.Helper()
	path := program
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program); len(found) > 0 {
		path = found[len(found)-1]
	}
	output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// Restored from one pg_dump into another database, each order continues as it was in the dump.
func TestDumpUnderLoadIsRestored(t *testing.T) {
	server := pgtest.Start(t)
	s := replicatedOn(t, server.DSN(), "2s")
	l := startLoad(t, s)
	defer l.stop()
	await(t, "orders before the dump", func() bool { return l.made() >= 40 })
	before := l.acknowledged()
	dump := filepath.Join(t.TempDir(), "orders.dump")
	pg(t, "pg_dump", "--format=custom", "--file="+dump, server.DSN())
	after := l.made()
	await(t, "orders after the dump", func() bool { return l.made() >= after+10 })
	l.check(t)

	fresh := server.Database(t)
	pg(t, "pg_restore", "--exit-on-error", "--dbname="+fresh, dump)
	secrets := secretsOf(t, s)
	require.NoError(t, s.Close())
	home := t.TempDir() // without the scheduler's data
	content, err := json.Marshal(secrets)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "secrets.json"), content, 0o600))
	restored, err := stack.Start(t.Context(), stack.Options{
		Home: home, FreePorts: true, Replicas: 2, Postgres: fresh, Env: map[string]map[string]string{stack.OrdersActor: {"DELIVER_AFTER": "2s"}},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, restored.Close()) }()
	command(t, restored, fresh, "rebuild") // a turn may have been between its two databases
	command(t, restored, fresh, "rearm")
	c := login(t, restored.URL(), "load", api.RoleCustomer)
	for id, cancelled := range before {
		got := c.await(t, id, "final", final)
		if cancelled {
			assert.Equal(t, api.StatusCancelled, got.Status)
		}
	}
	await(t, "no order is changing any more", func() bool { return quiet(t, fresh) })
	assert.GreaterOrEqual(t, equalsActors(t, fresh, fresh), len(before))
	assert.Contains(t, command(t, restored, fresh, "doctor"), "0 problems")
}
