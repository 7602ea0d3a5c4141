package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/rest/api"
)

// TestGenerated makes everything anew, beside what is here, and compares.
func TestGenerated(t *testing.T) {
	contract, err := os.ReadFile("../../../api/openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(contract), string(api.Contract), "run go generate ./rest/api: the copy of the contract is stale")

	tools, err := filepath.Abs("../../../tools/oapi-codegen/go.mod")
	require.NoError(t, err)
	fresh := filepath.Join(t.TempDir(), "models.gen.go")
	generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+tools, "oapi-codegen", "-config", "codegen.yaml", "-o", fresh, "openapi.yaml")
	generate.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := generate.CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, err := os.ReadFile(fresh)
	require.NoError(t, err)
	got, err := os.ReadFile("models.gen.go")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run go generate ./rest/api: the models are stale")
}
