package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/pgtest"
	"orders/stack"
)

// An order created at one replica is visible at the other, and is delivered although one replica crashes.
func TestTwoReplicasShareOrdersAndSurviveCrash(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: pgtest.Start(t).DSN(),
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1s"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	require.Len(t, s.URLs(), 2)
	one, two := login(t, s.URLs()[0], "alice", api.RoleCustomer), login(t, s.URLs()[1], "alice", api.RoleCustomer)

	// Enough orders that both replicas host some.
	var ids []string
	for range 10 {
		o := one.created(t)
		assert.Equal(t, o.ID, two.get(t, o.ID).ID)
		ids = append(ids, o.ID)
	}
	for _, part := range []string{stack.OrdersActor, stack.OrdersActor + ".sidecar"} {
		require.NoError(t, s.Kill(part))
	}
	for _, id := range ids {
		o := two.await(t, id, "final", final)
		assert.Equal(t, "created confirmed delivered", path(t, o))
	}
	for _, part := range []string{stack.OrdersActor + ".sidecar", stack.OrdersActor} {
		require.NoError(t, s.Start(part))
	}
	require.NoError(t, s.WaitReady(t.Context()))
	one.await(t, one.created(t).ID, "final", final)
}
