package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
	"orders/kit/pgtest"
	"orders/stack"
)

// expect checks the status of replies, and that a 503 has a Retry-After.
func expect(t *testing.T, status int, replies ...client.Reply) {
	t.Helper()
	for _, got := range replies {
		assert.Equal(t, status, got.Status, got.Request)
		if status == http.StatusServiceUnavailable {
			assert.NotEmpty(t, got.Header.Get("Retry-After"), got.Request)
		}
	}
}

// While placement or the database is down, both replicas stay ready and serve every request that doesn't need it.
func TestOutageFailsOnlyRequestsThatNeedThePart(t *testing.T) {
	postgres := pgtest.Start(t)
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: postgres.DSN(),
		Env: map[string]map[string]string{stack.OrdersActor: {"DELIVER_AFTER": "1h", "RATE_LIMIT": "0"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	var replicas []user
	for _, url := range s.URLs() {
		replicas = append(replicas, login(t, url, "alice", api.RoleCustomer))
	}
	id := replicas[0].created(t).ID
	ctx, get := t.Context(), read(t)
	works := func() bool {
		for _, c := range replicas {
			if c.create(t).Status != http.StatusCreated {
				return false
			}
		}
		return true
	}
	unavailable := func() bool {
		for _, c := range replicas {
			if c.create(t).Status != http.StatusServiceUnavailable {
				return false
			}
		}
		return true
	}

	require.NoError(t, s.Kill("placement"))
	await(t, "creates answer 503 without placement", unavailable)
	for _, c := range replicas {
		expect(t, http.StatusOK, c.independent(t)...)
		expect(t, http.StatusOK, get(c.ListOrders(ctx, nil)), get(c.GetOrder(ctx, id, nil)), get(c.GetOrderStatus(ctx, id, nil)), get(c.FollowOrders(ctx, nil)))
		c.serves(t, "/", "/orders/"+id)
		expect(t, http.StatusServiceUnavailable, c.create(t), c.cancel(t, id))
	}
	require.NoError(t, s.Start("placement"))
	await(t, "creates work again with placement", works)

	require.NoError(t, postgres.Kill())
	await(t, "creates answer 503 without the database", unavailable)
	for _, c := range replicas {
		expect(t, http.StatusOK, c.independent(t)...)
		c.serves(t, "/", "/orders/"+id)
		expect(t, http.StatusServiceUnavailable, c.create(t), c.cancel(t, id))
		expect(t, http.StatusServiceUnavailable, get(c.ListOrders(ctx, nil)), get(c.GetOrder(ctx, id, nil)), get(c.GetOrderStatus(ctx, id, nil)))
	}
	require.NoError(t, postgres.Start())
	await(t, "creates work again with the database", works)
	for _, c := range replicas {
		expect(t, http.StatusOK, get(c.ListOrders(ctx, nil)), get(c.GetOrder(ctx, id, nil)), c.cancel(t, id))
	}
}

// independent sends the requests that need neither placement nor the database.
func (u user) independent(t *testing.T) []client.Reply {
	t.Helper()
	ctx, get := t.Context(), read(t)
	return []client.Reply{
		get(u.Readyz(ctx)), get(u.Livez(ctx)), get(u.SessionConfig(ctx)), get(u.GetSession(ctx)),
		get(u.CreateDevToken(ctx, api.DevTokenRequest{User: "alice", Role: api.RoleCustomer})),
	}
}

// serves checks that pages of the SPA are served. The contract doesn't describe them.
func (u user) serves(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		req := u.request(t, http.MethodGet, path, "")
		req.Header.Set("Accept", "text/html") // as a browser sends it
		status, _ := do(t, plain, req)
		assert.Equal(t, http.StatusOK, status, path)
	}
}
