package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/stack"
)

// expect sends requests and checks their status, and that a 503 has a Retry-After.
func (c client) expect(t *testing.T, status int, method string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		body := ""
		switch {
		case path == "/v1/dev/token":
			body = `{"user":"alice","role":"customer"}`
		case path == "/v1/orders" && method == http.MethodPost:
			body = tea
		}
		resp, err := checked(t).Do(c.request(t, method, path, body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, status, resp.StatusCode, "%s %s", method, path)
		if status == http.StatusServiceUnavailable {
			assert.NotEmpty(t, resp.Header.Get("Retry-After"), "%s %s", method, path)
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
	var replicas []client
	for _, url := range s.URLs() {
		replicas = append(replicas, login(t, url, "alice", "customer"))
	}
	id := replicas[0].create(t).ID
	order, page := "/v1/orders/"+id, "/orders/"+id
	works := func() bool {
		for _, c := range replicas {
			if status, _ := c.send(t, http.MethodPost, "/v1/orders", tea); status != http.StatusCreated {
				return false
			}
		}
		return true
	}
	unavailable := func() bool {
		for _, c := range replicas {
			if status, _ := c.send(t, http.MethodPost, "/v1/orders", tea); status != http.StatusServiceUnavailable {
				return false
			}
		}
		return true
	}

	require.NoError(t, s.Kill("placement"))
	await(t, "creates answer 503 without placement", unavailable)
	for _, c := range replicas {
		c.expect(t, http.StatusOK, http.MethodGet, "/readyz", "/livez", "/v1/session/config", "/v1/session", "/v1/orders", order, order+"/status", "/v1/orders/events")
		c.expect(t, http.StatusOK, http.MethodPost, "/v1/dev/token")
		c.serves(t, "/", page)
		c.expect(t, http.StatusServiceUnavailable, http.MethodPost, "/v1/orders", order+"/cancel")
	}
	require.NoError(t, s.Start("placement"))
	await(t, "creates work again with placement", works)

	require.NoError(t, postgres.Kill())
	await(t, "creates answer 503 without the database", unavailable)
	for _, c := range replicas {
		c.expect(t, http.StatusOK, http.MethodGet, "/readyz", "/livez", "/v1/session/config", "/v1/session")
		c.expect(t, http.StatusOK, http.MethodPost, "/v1/dev/token")
		c.serves(t, "/", page)
		c.expect(t, http.StatusServiceUnavailable, http.MethodPost, "/v1/orders", order+"/cancel")
		c.expect(t, http.StatusServiceUnavailable, http.MethodGet, "/v1/orders", order, order+"/status")
	}
	require.NoError(t, postgres.Start())
	await(t, "creates work again with the database", works)
	for _, c := range replicas {
		c.expect(t, http.StatusOK, http.MethodGet, "/v1/orders", order)
		c.expect(t, http.StatusOK, http.MethodPost, order+"/cancel")
	}
}

// serves checks that pages of the SPA are served. The contract doesn't describe them.
func (c client) serves(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		req := c.request(t, http.MethodGet, path, "")
		req.Header.Set("Accept", "text/html") // as a browser sends it
		status, _ := do(t, plain, req)
		assert.Equal(t, http.StatusOK, status, path)
	}
}
