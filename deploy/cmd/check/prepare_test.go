package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrepareMakesKeysThatStay(t *testing.T) {
	keys, data := t.TempDir(), t.TempDir()
	require.NoError(t, prepare(keys, []string{data}))
	first := contents(t, keys)

	var store map[string]map[string]string
	require.NoError(t, json.Unmarshal([]byte(first["secrets.json"]), &store))
	require.Equal(t, store["orders-actor"]["obo-key"], store["payments-svc"]["obo-key"])
	seen := map[string]bool{}
	for _, name := range []string{"obo-key", "command-seal-key", "dev-token-key"} {
		key, err := base64.StdEncoding.DecodeString(store["orders-actor"][name])
		require.NoError(t, err)
		require.Len(t, key, 32)
		require.False(t, seen[string(key)], "two keys are the same")
		seen[string(key)] = true
	}
	require.Equal(t, "*:*:*:*:"+first["postgres-password"], first["pgpass"])
	require.Greater(t, len(first["app-token"]), 20)

	require.NoError(t, prepare(keys, []string{data}))
	require.Equal(t, first, contents(t, keys), "a second start changes a key")
}

func TestWithPutsFilesIntoTheEnvironment(t *testing.T) {
	tool, err := filepath.Abs(filepath.Join(t.TempDir(), "check"))
	require.NoError(t, err)
	out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("a secret\nof two lines"), 0o600))

	out, err = exec.Command(tool, "with", "TOKEN="+file, "--", "printenv", "TOKEN").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "a secret\nof two lines\n", string(out))

	out, err = exec.Command(tool, "with", "TOKEN="+file+".missing", "--", "printenv").CombinedOutput()
	require.Error(t, err, string(out))
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"secrets.json", "app-token", "postgres-password", "pgpass"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		all[name] = string(content)
	}
	return all
}
