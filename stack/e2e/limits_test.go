package e2e

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/contract"
)

// Requests just within each limit of the contract are accepted, and requests just beyond it are rejected.
func TestContractLimitsAreEnforced(t *testing.T) {
	at := contract.Target{URL: shared.URL(), Tokens: []string{login(t, shared.URL(), "bounds", api.RoleOperator).token}}
	sent, found := contract.CheckBounds(t.Context(), api.Contract, at)
	t.Logf("%d requests", sent)
	assert.Greater(t, sent, 100)
	for _, err := range found {
		t.Error(err)
	}

	// The check itself detects a limit that only the contract has.
	for _, of := range []struct{ from, to, found string }{
		{"without a body.\n      schema: { type: string }", "without a body.\n      schema: { type: string, maxLength: 5 }", `beyond the maxLength of "If-None-Match"`},
		{"maxLength: 500", "maxLength: 400", `beyond the maxLength of "reason"`},
		{"minimum: 1, maximum: 1000", "minimum: 2, maximum: 1000", `beyond the minimum of "items[0].quantity"`},
	} {
		require.Contains(t, string(api.Contract), of.from)
		_, found := contract.CheckBounds(t.Context(), bytes.Replace(api.Contract, []byte(of.from), []byte(of.to), 1), at)
		require.NotEmpty(t, found, of.to)
		for _, err := range found {
			assert.ErrorContains(t, err, of.found)
		}
	}
}
