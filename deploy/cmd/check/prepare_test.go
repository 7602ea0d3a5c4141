package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func folders(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, volume := range volumes {
		require.NoError(t, os.Mkdir(filepath.Join(root, volume), 0o700))
	}
	return root
}

func TestPrepareCreatesKeysOnce(t *testing.T) {
	root := folders(t)
	require.NoError(t, prepare(root, time.Now()))
	first := contents(t, root)

	var store map[string]map[string]string
	require.NoError(t, json.Unmarshal([]byte(first["keys/secrets.json"]), &store))
	require.Equal(t, store["orders-actor"]["obo-key"], store["payments-svc"]["obo-key"])
	seen := map[string]bool{}
	for _, name := range []string{"obo-key", "command-seal-key", "dev-token-key"} {
		key, err := base64.StdEncoding.DecodeString(store["orders-actor"][name])
		require.NoError(t, err)
		require.Len(t, key, 32)
		require.False(t, seen[string(key)], "keys must differ")
		seen[string(key)] = true
	}
	require.Greater(t, len(first["payments-svc/app-token"]), 20)

	require.NoError(t, prepare(root, time.Now()))
	require.Equal(t, first, contents(t, root), "a second start must not change keys")
}

func TestPrepareGivesEachServiceOnlyItsKeys(t *testing.T) {
	root := folders(t)
	require.NoError(t, prepare(root, time.Now()))
	all := contents(t, root)
	var orders, payments map[string]map[string]string
	require.NoError(t, json.Unmarshal([]byte(all["orders-actor/secrets.json"]), &orders))
	require.NoError(t, json.Unmarshal([]byte(all["payments-svc/secrets.json"]), &payments))
	require.Len(t, orders, 1)
	require.Equal(t, map[string]map[string]string{"payments-svc": {"obo-key": orders["orders-actor"]["obo-key"]}}, payments)
	require.Equal(t, "*:*:*:*:"+all["database/orders-password"], all["orders-actor/pgpass"])
	require.Equal(t, "*:*:*:*:"+all["database/ledger-password"], all["payments-svc/pgpass"])
	require.NotEqual(t, all["orders-actor/api-token"], all["payments-svc/api-token"])
	anchors, err := os.ReadDir(filepath.Join(root, "anchors"))
	require.NoError(t, err)
	require.Len(t, anchors, 1)
}

// Earlier releases had one volume for all keys.
func TestPrepareKeepsKeysOfEarlierReleases(t *testing.T) {
	root := folders(t)
	old := `{"orders-actor":{"obo-key":"a","command-seal-key":"b","dev-token-key":"c"},"payments-svc":{"obo-key":"a"}}`
	require.NoError(t, os.WriteFile(filepath.Join(root, "keys", "secrets.json"), []byte(old), 0o400))
	require.NoError(t, os.WriteFile(filepath.Join(root, "keys", "postgres-password"), []byte("old"), 0o400))
	require.NoError(t, prepare(root, time.Now()))
	all := contents(t, root)
	require.JSONEq(t, `{"payments-svc":{"obo-key":"a"}}`, all["payments-svc/secrets.json"])
	require.Equal(t, "old", all["database/postgres-password"])
}

func TestPrepareRenewsAuthorityBeforeExpiry(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		damage func(folder string) error
		later  time.Duration
		same   bool
	}{
		"a new one is kept":                                   {same: true},
		"one that expires in two years":                       {later: validity - 2*renewBefore, same: true},
		"one that expires within a year":                      {later: validity - renewBefore + day},
		"an expired one":                                      {later: validity + day},
		"an empty certificate":                                {damage: func(f string) error { return os.Truncate(filepath.Join(f, rootFile), 0) }},
		"an empty key":                                        {damage: func(f string) error { return os.Truncate(filepath.Join(f, issuerKeyFile), 0) }},
		"a missing issuer":                                    {damage: func(f string) error { return os.Remove(filepath.Join(f, issuerFile)) }},
		"another authority's root":                            {damage: func(f string) error { return otherRoot(f, now) }},
		"an expired one in files with new modification times": {later: validity, damage: func(f string) error { return os.Chtimes(filepath.Join(f, rootFile), now, now) }},
	} {
		t.Run(name, func(t *testing.T) {
			root := folders(t)
			trust := filepath.Join(root, "trust")
			require.NoError(t, prepare(root, now))
			first, err := os.ReadFile(filepath.Join(trust, issuerFile))
			require.NoError(t, err)
			for _, file := range []string{rootFile, issuerFile, issuerKeyFile} {
				require.NoError(t, os.Chmod(filepath.Join(trust, file), 0o600))
			}
			if test.damage != nil {
				require.NoError(t, test.damage(trust))
			}
			then := now.Add(test.later)
			require.NoError(t, prepare(root, then))
			second, err := os.ReadFile(filepath.Join(trust, issuerFile))
			require.NoError(t, err)
			require.Equal(t, test.same, string(first) == string(second))
			require.NoError(t, usable(trust, then.Add(renewBefore)))
			require.Equal(t, contents(t, root)["trust/ca.crt"], contents(t, root)["anchors/ca.crt"])
		})
	}
}

func otherRoot(folder string, now time.Time) error {
	issuer, err := os.ReadFile(filepath.Join(folder, issuerFile))
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(folder, issuerFile)); err != nil {
		return err
	}
	if err := authority(folder, now); err != nil {
		return err
	}
	return replace(filepath.Join(folder, issuerFile), issuer, 0o600)
}

func TestWithSetsEnvironmentFromFiles(t *testing.T) {
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

func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "check" {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		all[name] = string(content)
		return err
	}))
	return all
}
