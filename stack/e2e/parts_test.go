package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
)

// Acknowledged orders become final although each part is killed and started again.
func TestAcknowledgedOrdersSurviveCrashOfEachPart(t *testing.T) {
	c := customer(t)
	parts := slices.DeleteFunc(shared.Parts(), func(part string) bool { // other tests have started sidecars of other apps
		return strings.HasPrefix(part, otherApp) || strings.HasPrefix(part, impostorApp)
	})
	require.Len(t, parts, 7)
	var acknowledged []string
	for _, part := range parts {
		acknowledged = append(acknowledged, c.created(t).ID)
		require.NoError(t, shared.Kill(part))
		// While the part is down, a create is either answered with a problem, or acknowledged and kept.
		if got, err := client.Read(c.CreateOrder(t.Context(), nil, tea)); err == nil && got.Status == http.StatusCreated {
			acknowledged = append(acknowledged, parse[api.Order](t, got.Body).ID)
		}
		require.NoError(t, shared.Start(part))
		require.NoError(t, shared.WaitReady(t.Context()), part)
	}
	for _, id := range acknowledged {
		o := c.await(t, id, "final", final)
		assert.Contains(t, []string{"created cancelled", "created confirmed delivered"}, path(t, o))
	}
}
