package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/process"
)

func TestReachableReturnsURLForListenAddress(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "127.0.0.2:80": "http://127.0.0.2:80", "192.0.2.7:80": "http://192.0.2.7:80",
		"0.0.0.0:80": "http://127.0.0.1:80", ":80": "http://127.0.0.1:80",
		"[::1]:80": "http://[::1]:80", "[::]:80": "http://[::1]:80", "localhost:80": "http://localhost:80",
	} {
		got, err := reachable(address)
		require.NoError(t, err)
		assert.Equal(t, want, got.String(), address)
	}
	_, err := reachable("8080")
	require.Error(t, err)
}

func TestSettingsMatchWhatAppsRead(t *testing.T) {
	setting := regexp.MustCompile(`(?:env|r)\.\w+\("([A-Z][A-Z_]+)"`)
	root, err := Root()
	require.NoError(t, err)
	for app, listed := range Settings {
		text, err := os.ReadFile(filepath.Join(root, app, "config.go"))
		require.NoError(t, err)
		common, err := os.ReadFile(filepath.Join(root, "kit", "telemetry", "tracing.go")) // both apps read it
		require.NoError(t, err)
		read := map[string]bool{}
		for _, match := range setting.FindAllStringSubmatch(string(text)+string(common), -1) {
			if !strings.HasPrefix(match[1], "DAPR_") { // the launcher sets these
				read[match[1]] = true
			}
		}
		for name := range read {
			assert.Contains(t, listed, name, "%s reads this setting: add it to Settings in stack/environment.go, or the launcher does not pass it on", app)
		}
		for _, name := range listed {
			assert.True(t, read[name], "%s doesn't read %s", app, name)
		}
	}
}

func TestVariablesOfOtherProgramsAreNotPassedOn(t *testing.T) {
	for _, name := range []string{"NAMESPACE", "DAPR_GRPC_ENDPOINT", "DAPR_HTTP_ENDPOINT", "DAPR_API_TOKEN", "OTEL_TRACES_EXPORTER"} {
		t.Setenv(name, "foreign")
	}
	t.Setenv("DELIVER_AFTER", "3s")
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	s, err := prepare(Options{Home: t.TempDir(), FreePorts: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	instances, err := s.instances()
	require.NoError(t, err)
	for _, i := range instances {
		service, sidecar := s.service(i), s.sidecar(i)
		for _, p := range []*process.Process{service, sidecar, s.daprPart(placement, 1, nil)} {
			assert.NotContains(t, strings.Join(p.Env, "\n"), "foreign", p.Name)
		}
		assert.Contains(t, sidecar.Env, "DAPR_API_TOKEN="+i.token)
		assert.Contains(t, service.Env, "DAPR_API_TOKEN="+i.token)
		assert.Contains(t, service.Env, "HTTPS_PROXY=http://proxy.example:3128")
		assert.Equal(t, i.app.ID == OrdersActor, strings.Contains(strings.Join(service.Env, "\n"), "DELIVER_AFTER=3s"))
	}
	assert.NotEqual(t, instances[0].token, instances[1].token)
}

func TestSecretNameOfAnotherAppIsRejected(t *testing.T) {
	t.Setenv("SECRET_NAME", "other")
	s, err := prepare(Options{Home: t.TempDir(), FreePorts: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.instances()
	require.ErrorContains(t, err, "SECRET_NAME")
}

func TestUnusableKeyIsNamedInError(t *testing.T) {
	good, other := newKey(), newKey()
	for content, want := range map[string]string{
		`{}`:        `secret "orders-actor" has no key "obo-key"`,
		``:          "must be a JSON object",
		`{"a": "x"`: "must be a JSON object",
		`{"orders-actor":{"obo-key":"c2hvcnQ=","command-seal-key":"G","dev-token-key":"G"},"payments-svc":{"obo-key":"G"}}`: `key "obo-key" of secret "orders-actor" must be at least 32 bytes`,
		`{"orders-actor":{"obo-key":"G","command-seal-key":"G","dev-token-key":"G"},"payments-svc":{}}`:                     `secret "payments-svc" has no key "obo-key"`,
		`{"orders-actor":{"obo-key":"G","command-seal-key":"G","dev-token-key":"G"},"payments-svc":{"obo-key":"O"}}`:        `"payments-svc" does not accept the key "obo-key" of "orders-actor"`,
	} {
		file := filepath.Join(t.TempDir(), "secrets.json")
		content = strings.NewReplacer(`"G"`, `"`+good+`"`, `"O"`, `"`+other+`"`).Replace(content)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		err := CheckSecrets(file)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, file)
		assert.NotContains(t, err.Error(), good)
	}
}

func TestExistingDatabaseFilesBecomePrivate(t *testing.T) {
	home := filepath.Join(t.TempDir(), "my [orders]")
	require.NoError(t, os.Mkdir(home, 0o700))
	for _, name := range []string{"view.db", "view.db-wal", "ledger.db"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, name), nil, 0o644))
	}
	s, err := prepare(Options{Home: home})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, name := range []string{"view.db", "view.db-wal", "ledger.db"} {
		info, err := os.Stat(filepath.Join(home, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), name)
	}
}
