// Package gentest checks in tests that generated files are up to date.
package gentest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fresh generates the files of the package under test. It fails the test if one of them, such as its mocks, differs from before.
func Fresh(t *testing.T, file string) {
	t.Helper()
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "go", "generate", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	if !bytes.Equal(before, after) {
		t.Errorf("%s was stale: it is generated now", file)
	}
}
