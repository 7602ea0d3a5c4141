package deploy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is a fake Kubernetes API server with what the chart reads: namespaces, and Secrets by name.
type server struct {
	version string
	dapr    bool
	secrets map[string]map[string]string // plain contents
}

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	object := func(kind, version string, more map[string]any) map[string]any {
		o := map[string]any{"kind": kind, "apiVersion": version}
		for key, value := range more {
			o[key] = value
		}
		return o
	}
	var answer any
	_, secret, isSecret := strings.Cut(r.URL.Path, "/namespaces/shop/secrets/")
	switch path := r.URL.Path; {
	case path == "/api":
		answer = object("APIVersions", "v1", map[string]any{"versions": []string{"v1"}})
	case path == "/apis":
		answer = object("APIGroupList", "v1", map[string]any{"groups": []any{}})
	case path == "/api/v1":
		answer = object("APIResourceList", "v1", map[string]any{"groupVersion": "v1", "resources": []any{
			map[string]any{"name": "namespaces", "kind": "Namespace", "verbs": []string{"get"}},
			map[string]any{"name": "secrets", "kind": "Secret", "namespaced": true, "verbs": []string{"get"}},
		}})
	case strings.HasPrefix(path, "/api/v1/namespaces/") && strings.Count(path, "/") == 4:
		answer = object("Namespace", "v1", map[string]any{"metadata": map[string]any{"name": filepath.Base(path)}})
	case isSecret && s.secrets[secret] != nil:
		data := map[string]string{}
		for key, value := range s.secrets[secret] {
			data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		}
		answer = object("Secret", "v1", map[string]any{"metadata": map[string]any{"name": secret, "namespace": "shop"}, "data": data})
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = object("Status", "v1", map[string]any{"status": "Failure", "reason": "NotFound", "code": http.StatusNotFound})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// render renders the chart as `helm install` on that cluster would.
func (s server) render(t *testing.T, set string) (string, error) {
	t.Helper()
	http := httptest.NewServer(s)
	t.Cleanup(http.Close)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
apiVersion: v1
kind: Config
clusters: [{ name: test, cluster: { server: %q } }]
contexts: [{ name: test, context: { cluster: test } }]
current-context: test
`, http.URL), 0o600))
	args := []string{"template", "orders", chart, "--namespace", "shop", "--dry-run=server", "--kubeconfig", config, "--kube-version", s.version}
	if s.dapr {
		args = append(args, "--api-versions", "dapr.io/v1alpha1/Component")
	}
	if set != "" {
		args = append(args, "--set", set)
	}
	return helm(args...)
}

func TestChartRejectsUnsuitableCluster(t *testing.T) {
	raw := strings.Repeat("\xfe", 32)
	key := base64.StdEncoding.EncodeToString([]byte(raw))
	other := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 32)))
	database := map[string]string{"uri": "postgres://u:p@h/d"}
	const existing = "secrets.existing.ordersActor=ours,secrets.existing.paymentsSvc=theirs"
	keys := func(seal, obo string) map[string]map[string]string {
		return map[string]map[string]string{
			"postgres": database,
			"ours":     {"obo-key": key, "command-seal-key": seal, "dev-token-key": key},
			"theirs":   {"obo-key": obo},
		}
	}
	for name, test := range map[string]struct {
		server server
		set    string
		want   []string // parts of the error; empty if the chart accepts
	}{
		"a cluster without Dapr": {
			server: server{version: "1.34.4"},
			want:   []string{"This cluster has no Dapr. First install Dapr 1.18", "dapr init -k"},
		},
		"an old Kubernetes": {server: server{version: "1.29.3", dapr: true}, want: []string{"is Kubernetes v1.29.3; 1.30 or later"}},
		"no Secret with the database's address": {
			server: server{version: "1.34.4", dapr: true}, want: []string{`There is no Secret "postgres" in namespace "shop"`},
		},
		"a Secret without the address": {
			server: server{version: "1.34.4", dapr: true, secrets: map[string]map[string]string{"postgres": {"url": "x"}}},
			want:   []string{`Secret "postgres" in namespace "shop" has no key "uri"`},
		},
		"a Secret without the ledger's address": {
			server: server{version: "1.34.4", dapr: true, secrets: map[string]map[string]string{"postgres": database}},
			set:    "postgresql.dsnSecret.ledgerKey=ledger", want: []string{`has no key "ledger"`},
		},
		"keys in the expected form": {server: server{version: "1.34.4", dapr: true, secrets: keys(key, key)}, set: existing},
		"a key that is not base64": {
			server: server{version: "1.34.4", dapr: true, secrets: keys(raw, key)}, set: existing,
			want: []string{`Key "command-seal-key" of Secret "ours" in namespace "shop" is not base64 text of at least 32 bytes`, "openssl rand -base64 32"},
		},
		"a key that is base64-encoded twice": {
			server: server{version: "1.34.4", dapr: true, secrets: keys(key, base64.StdEncoding.EncodeToString([]byte(key)))}, set: existing,
			want: []string{`Key "obo-key" of Secret "theirs" in namespace "shop" is base64-encoded twice`},
		},
		"a Secret without one of its keys": {
			server: server{version: "1.34.4", dapr: true, secrets: keys("", key)}, set: existing,
			want: []string{`Key "command-seal-key" of Secret "ours" in namespace "shop" is missing`},
		},
		"two services with different keys": {
			server: server{version: "1.34.4", dapr: true, secrets: keys(key, other)}, set: existing,
			want: []string{`Secrets "ours" and "theirs" in namespace "shop" hold different obo-keys`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := test.server.render(t, test.set)
			if test.want == nil {
				require.NoError(t, err, out)
				return
			}
			require.Error(t, err, "the chart must reject this")
			for _, text := range test.want {
				require.Contains(t, out, text)
			}
			require.NotContains(t, out, key)
		})
	}
}

// An upgrade during a key rotation keeps the previous keys.
func TestChartKeepsPreviousKeys(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	s := server{version: "1.34.4", dapr: true, secrets: map[string]map[string]string{
		"postgres":     {"uri": "postgres://u:p@h/d"},
		"orders-actor": {"obo-key": key, "obo-key-previous": "previous value"},
		"payments-svc": {"obo-key": key},
	}}
	out, err := s.render(t, "")
	require.NoError(t, err, out)
	require.Contains(t, out, "obo-key-previous: "+base64.StdEncoding.EncodeToString([]byte("previous value")))
	require.Contains(t, out, "obo-key: "+base64.StdEncoding.EncodeToString([]byte(key)))
	require.NotContains(t, out, "command-seal-key-previous")
}
