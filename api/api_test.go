package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelsAndClientAreGeneratedFromTheContract(t *testing.T) {
	tools, err := filepath.Abs("../tools/oapi-codegen/go.mod")
	require.NoError(t, err)
	for config, file := range map[string]string{"codegen.yaml": "models.gen.go", "client/codegen.yaml": "client/client.gen.go"} {
		fresh := filepath.Join(t.TempDir(), "gen.go")
		generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+tools, "oapi-codegen", "-config", config, "-o", fresh, "openapi.yaml")
		generate.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := generate.CombinedOutput()
		require.NoError(t, err, "%s", out)
		want, err := os.ReadFile(fresh)
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run go generate ./api/...: %s is stale", file)
	}
}
