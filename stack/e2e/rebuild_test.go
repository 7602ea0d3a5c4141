package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/orderdb"
	"orders/stack"
)

// After the order database was deleted, the log names the remedy, and a rebuild restores the orders while the service runs.
func TestDeletedOrderDatabaseIsRebuilt(t *testing.T) {
	home := t.TempDir()
	s, err := stack.Start(t.Context(), stack.Options{
		Home: home, FreePorts: true,
		Env: map[string]map[string]string{stack.OrdersActor: {"DELIVER_AFTER": "1s"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1"}},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	c := login(t, s.URL(), "alice", api.RoleCustomer)
	before := c.await(t, c.created(t).ID, "final", final)

	require.NoError(t, s.Stop(stack.OrdersActor))
	files, err := filepath.Glob(filepath.Join(home, "view.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))
	assert.Equal(t, http.StatusNotFound, read(t)(c.GetOrder(t.Context(), before.ID, nil)).Status)
	log, err := os.ReadFile(filepath.Join(home, "logs", "orders-actor.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "orders-actor rebuild")

	root, err := stack.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "stack"), "-home", home, "rebuild")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.Contains(t, string(output), "restored=1")
	assert.Equal(t, before, c.get(t, before.ID))
	other := c.await(t, c.created(t).ID, "final", final)
	assert.Equal(t, "created confirmed delivered", path(t, other))
}

// Dapr's state store records which order database belongs to it.
func TestOrderDatabaseOfAnotherInstallationIsRejected(t *testing.T) {
	home := t.TempDir()
	s, err := stack.Start(t.Context(), stack.Options{Home: home, FreePorts: true})
	require.NoError(t, err)
	defer func() { _ = s.Close() }() // it reports that orders-actor has exited
	login(t, s.URL(), "alice", api.RoleCustomer).created(t)

	require.NoError(t, s.Stop(stack.OrdersActor))
	db, err := orderdb.Open(t.Context(), filepath.Join(home, "view.db"))
	require.NoError(t, err)
	require.NoError(t, db.Adopt(t.Context(), orderdb.Identity{ID: "another"}))
	require.NoError(t, db.Close())
	_ = s.Start(stack.OrdersActor) // it exits at once
	await(t, "the error in the log", func() bool {
		log, err := os.ReadFile(filepath.Join(home, "logs", "orders-actor.log"))
		require.NoError(t, err)
		return strings.Contains(string(log), "orders-actor accept")
	})
}
