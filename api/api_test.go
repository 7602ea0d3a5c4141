package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelsAreGeneratedFromTheContract(t *testing.T) {
	tools, err := filepath.Abs("../tools/oapi-codegen/go.mod")
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
	require.Equal(t, string(want), string(got), "run go generate ./api: the models are stale")
}
