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

	"orders/orders-actor/view"
	"orders/stack"
)

// An order database that was deleted is named in the log, and rebuilt from the actors' states while the service runs.
func TestRebuildsTheOrderDatabaseThatWasDeleted(t *testing.T) {
	home := t.TempDir()
	s, err := stack.Start(t.Context(), stack.Options{
		Home: home, FreePorts: true,
		Env: map[string]map[string]string{stack.OrdersActor: {"DELIVER_AFTER": "1s"}, stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1"}},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	c := as(t, s.URL(), "alice", "customer")
	before := c.await(t, c.create(t).ID, "final", order.final)

	require.NoError(t, s.Stop(stack.OrdersActor))
	files, err := filepath.Glob(filepath.Join(home, "view.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, s.Start(stack.OrdersActor))
	require.NoError(t, s.WaitReady(t.Context()))
	status, _ := c.send(t, http.MethodGet, "/v1/orders/"+before.ID, "")
	assert.Equal(t, http.StatusNotFound, status)
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
	other := c.await(t, c.create(t).ID, "final", order.final)
	assert.Equal(t, "created confirmed delivered", other.path(t))
}

// Dapr's state store knows which order database belongs to it.
func TestAnOrderDatabaseOfAnotherInstallationIsRefused(t *testing.T) {
	home := t.TempDir()
	s, err := stack.Start(t.Context(), stack.Options{Home: home, FreePorts: true})
	require.NoError(t, err)
	defer func() { _ = s.Close() }() // it tells that orders-actor has ended
	as(t, s.URL(), "alice", "customer").create(t)

	require.NoError(t, s.Stop(stack.OrdersActor))
	db, err := view.Open(t.Context(), filepath.Join(home, "view.db"))
	require.NoError(t, err)
	require.NoError(t, db.Adopt(t.Context(), view.Identity{ID: "another"}))
	require.NoError(t, db.Close())
	_ = s.Start(stack.OrdersActor) // it ends at once
	await(t, "the refusal in the log", func() bool {
		log, err := os.ReadFile(filepath.Join(home, "logs", "orders-actor.log"))
		require.NoError(t, err)
		return strings.Contains(string(log), "orders-actor accept")
	})
}
