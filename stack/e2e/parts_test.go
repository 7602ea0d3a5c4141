package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever part crashes, an order that was acknowledged reaches its end, and the part comes back into a working whole.
func TestEachPartIsKilledAndStartedAgain(t *testing.T) {
	c := customer(t)
	parts := slices.DeleteFunc(shared.Parts(), func(part string) bool { return strings.HasPrefix(part, "stranger") })
	require.Len(t, parts, 7)
	var acknowledged []string
	for _, part := range parts {
		acknowledged = append(acknowledged, c.create(t).ID)
		require.NoError(t, shared.Kill(part))
		// While it is away an order is refused with a problem, or taken and then kept.
		req := c.request(t, http.MethodPost, "/v1/orders", tea)
		if resp, err := watched(t).Do(req); err == nil {
			if resp.StatusCode == http.StatusCreated {
				var o order
				require.NoError(t, decode(resp.Body, &o), part)
				acknowledged = append(acknowledged, o.ID)
			}
			require.NoError(t, resp.Body.Close())
		}
		require.NoError(t, shared.Start(part))
		require.NoError(t, shared.WaitReady(t.Context()), part)
	}
	for _, id := range acknowledged {
		o := c.await(t, id, "final", order.final)
		assert.Contains(t, []string{"created cancelled", "created confirmed delivered"}, o.path(t))
	}
}
