//go:build linux

package doctor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	check "orders/kit/doctor"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/stack"
	"orders/stack/doctor"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// installation is a set-up on SQLite that was used and is stopped.
type installation struct {
	*testing.T
	root, home string
	setup      func(*doctor.Setup) // changes the set-up before the checks
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	repository, err := stack.Root()
	require.NoError(t, err)
	i := &installation{T: t, root: t.TempDir(), setup: func(*doctor.Setup) {}}
	i.home = filepath.Join(i.root, "my data")
	require.NoError(t, os.Symlink(filepath.Join(repository, "dapr"), filepath.Join(i.root, "dapr")))
	require.NoError(t, os.CopyFS(filepath.Join(i.root, "components"), os.DirFS(filepath.Join(repository, "components"))))
	for _, program := range []string{"orders-actor", "payments-svc", "dapr/daprd", "dapr/placement", "dapr/scheduler", "dapr/sentry"} {
		i.write(filepath.Join("bin", program), "#!/bin/sh\necho 1.18.2\n", 0o700)
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	i.write("my data/secrets.json", fmt.Sprintf(`{"orders-actor":{"obo-key":%[1]q,"command-seal-key":%[1]q,"dev-token-key":%[1]q},"payments-svc":{"obo-key":%[1]q}}`, key), 0o600)
	i.authority(now)
	require.NoError(t, os.Mkdir(filepath.Join(i.home, "run"), 0o700))

	db, err := orderdb.Open(t.Context(), filepath.Join(i.home, "view.db"))
	require.NoError(t, err)
	state, err := order.New(order.Create{
		ID: "0198f7a0-0000-7000-8000-000000000001", Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, now)
	require.NoError(t, err)
	require.NoError(t, db.Put(t.Context(), state))
	identity, err := db.CountStart(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for name, values := range map[string]map[string]any{
		"statestore.db": {
			"orders-actor||order-database":                 identity,
			"orders-actor||ledger":                         map[string]string{"id": "l-1"},
			"orders-actor||Order||" + state.ID + "||order": state,
		},
		"ledger.db": {"payments-svc||ledger": map[string]string{"id": "l-1"}},
	} {
		i.exec(name, `CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL)`)
		for key, value := range values {
			content, err := json.Marshal(value)
			require.NoError(t, err)
			i.exec(name, `INSERT INTO state VALUES ($1, $2, false, '')`, key, string(content))
		}
	}
	for _, name := range []string{"view.db", "statestore.db", "ledger.db"} {
		require.NoError(t, os.Chmod(filepath.Join(i.home, name), 0o600))
	}
	return i
}

func (i *installation) write(path, content string, mode os.FileMode) {
	i.Helper()
	path = filepath.Join(i.root, path)
	require.NoError(i, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(i, os.WriteFile(path, []byte(content), mode))
}

func (i *installation) remove(path string) {
	i.Helper()
	require.NoError(i, os.RemoveAll(filepath.Join(i.root, path)))
}

func (i *installation) exec(database, query string, args ...any) {
	i.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(filepath.Join(i.home, database), " ", "%20"))
	require.NoError(i, err)
	defer db.Close()
	_, err = db.ExecContext(i.Context(), query, args...)
	require.NoError(i, err)
}

// authority writes certificates that are valid for a year.
func (i *installation) authority(made time.Time) {
	i.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(i, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: made, NotAfter: made.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(i, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(i, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	require.NoError(i, os.MkdirAll(filepath.Join(i.home, "sentry"), 0o700))
	i.write("my data/sentry/ca.crt", text, 0o600)
	i.write("my data/sentry/issuer.crt", text, 0o600)
	i.write("my data/sentry/issuer.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), 0o600)
}

// running makes the set-up look as if a launcher ran, with these parts.
func (i *installation) running(parts ...stack.RunningPart) {
	i.Helper()
	lock, err := stack.Lock(i.home)
	require.NoError(i, err)
	i.Cleanup(func() { _ = lock.Close() })
	content, err := json.Marshal(parts)
	require.NoError(i, err)
	i.write("my data/run/parts.json", string(content), 0o600)
}

// findings runs all checks and returns those that are not OK, as "level check: text".
func (i *installation) findings(o stack.Options) (found, fixes []string) {
	i.Helper()
	o.Root, o.Home = i.root, i.home
	setup, err := doctor.New(o)
	require.NoError(i, err)
	setup.Now = func() time.Time { return now }
	setup.Free = func(string) (uint64, error) { return 100 << 30, nil }
	i.setup(setup)
	for _, c := range setup.Checks() {
		results := c.Run(i.Context())
		assert.NotEmpty(i, results, c.Name)
		for _, f := range results {
			if f.Level != check.OK {
				found = append(found, fmt.Sprintf("%s %s: %s", f.Level, c.Name, f.Text))
				fixes = append(fixes, f.Fix)
				assert.NotEmpty(i, f.Fix)
			}
		}
	}
	return found, fixes
}

// free makes the default addresses independent of what else runs on this machine.
func freeAddresses(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ORDERS_ADDR", "PAYMENTS_ADDR", "ORDERS_METRICS_ADDR", "PAYMENTS_METRICS_ADDR"} {
		t.Setenv(name, "127.0.0.1:0")
	}
}

func TestUsableInstallationsHaveNoFindings(t *testing.T) {
	freeAddresses(t)
	found, _ := newInstallation(t).findings(stack.Options{})
	assert.Empty(t, found, "stopped")

	i := newInstallation(t)
	i.remove("my data")
	found, _ = i.findings(stack.Options{})
	assert.Empty(t, found, "before the first start")

	i = newInstallation(t)
	part := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer part.Close()
	i.running(stack.RunningPart{Name: "placement", URL: part.URL, Health: "/healthz"})
	found, _ = i.findings(stack.Options{})
	assert.Empty(t, found, "running")
}

func TestEachFaultIsFound(t *testing.T) {
	freeAddresses(t)
	edit := func(i *installation, path string, change func(string) string) {
		content, err := os.ReadFile(filepath.Join(i.root, path))
		require.NoError(i, err)
		i.write(path, change(string(content)), 0o600)
	}
	for name, test := range map[string]struct {
		plant func(i *installation)
		want  string // the only finding starts with it
		fix   string
	}{
		"program not built": {func(i *installation) { i.remove("bin/dapr/scheduler") }, "problem programs: bin/dapr/scheduler", "make build runtime"},
		"other Dapr version": {
			func(i *installation) { i.write("bin/dapr/daprd", "#!/bin/sh\necho 1.17.0\n", 0o700) },
			`problem Dapr: daprd has the version "1.17.0", needed is 1.18.2`, "make runtime",
		},
		"component missing": {func(i *installation) { i.remove("components/sqlite/ledger.yaml") }, `problem components: the component ledger has the type ""`, "git"},
		"component of another kind": {
			func(i *installation) {
				edit(i, "components/sqlite/statestore.yaml", func(s string) string { return strings.ReplaceAll(s, "state.sqlite", "state.redis") })
			},
			`problem components: the component statestore has the type "state.redis", needed is state.sqlite`, "git",
		},
		"configuration among components": {
			func(i *installation) { i.write("components/common/more.yaml", "kind: Configuration\n", 0o600) }, "problem components: ", "move it out",
		},
		"part does not answer": {
			func(i *installation) {
				down := httptest.NewServer(http.NotFoundHandler())
				down.Close()
				i.running(stack.RunningPart{Name: "placement", URL: down.URL, Health: "/healthz"})
			},
			"problem parts: placement does not work", "placement.log",
		},
		"part is not healthy": {
			func(i *installation) {
				sick := httptest.NewServer(http.NotFoundHandler())
				i.Cleanup(sick.Close)
				i.running(stack.RunningPart{Name: "scheduler", URL: sick.URL, Health: "/healthz"})
			},
			"problem parts: scheduler does not work", "scheduler.log",
		},
		"keys lost": {func(i *installation) { i.remove("my data/secrets.json") }, "problem keys: secrets.json is missing", "backup"},
		"key too short": {func(i *installation) {
			i.write("my data/secrets.json", `{"orders-actor":{"obo-key":"c2hvcnQ="}}`, 0o600)
		}, "problem keys: ", "backup"},
		"rotation not finished": {
			func(i *installation) {
				edit(i, "my data/secrets.json", func(s string) string {
					return strings.ReplaceAll(s, `"payments-svc":{`, `"payments-svc":{"obo-key-previous":"x",`)
				})
			},
			"warning keys: a rotation is in progress", "docs/operations.md",
		},
		"keys readable by others": {
			func(i *installation) { require.NoError(i, os.Chmod(filepath.Join(i.home, "secrets.json"), 0o644)) },
			"problem private files: ", "chmod go= ",
		},
		"certificates expired": {func(i *installation) { i.authority(now.AddDate(-1, 0, -1)) }, "problem certificates: the authority of the sidecars has expired on 2026-11-29", "restart"},
		"certificates expire soon": {
			func(i *installation) { i.authority(now.AddDate(-1, 0, 20)) },
			"warning certificates: the authority of the sidecars expires on 2026-12-20, in 20 days", "restart",
		},
		"certificates damaged": {func(i *installation) { i.write("my data/sentry/ca.crt", "", 0o600) }, "problem certificates: cannot be used", "restart"},
		"little disk space": {
			func(i *installation) {
				i.setup = func(s *doctor.Setup) { s.Free = func(string) (uint64, error) { return 1 << 30, nil } }
			},
			"warning disk: ", "DATA_DIR",
		},
		"no disk space": {
			func(i *installation) {
				i.setup = func(s *doctor.Setup) { s.Free = func(string) (uint64, error) { return 1 << 20, nil } }
			},
			"problem disk: ", "DATA_DIR",
		},
		"order database lost": {func(i *installation) { i.remove("my data/view.db") }, "problem order database: is missing, but the state store has orders", "make rebuild"},
		"order database damaged": {
			func(i *installation) { i.write("my data/view.db", strings.Repeat("garbled ", 10_000), 0o600) }, "problem order database: ", "delete",
		},
		"migration not run": {
			func(i *installation) { i.exec("view.db", `DELETE FROM view_migrations WHERE name LIKE '0002%'`) }, "warning order database: has not run the migrations 0002", "restart orders-actor",
		},
		"order database of another installation": {
			func(i *installation) { i.exec("view.db", `UPDATE view_identity SET id = 'other'`) }, "problem same installation: the order database belongs to another", "accept",
		},
		"older order database": {
			func(i *installation) { i.exec("view.db", `UPDATE view_identity SET starts = 0`) }, "problem same installation: the order database is new or older", "make rebuild",
		},
		"new order database": {
			func(i *installation) {
				i.exec("view.db", `DELETE FROM orders`)
				i.exec("view.db", `UPDATE view_identity SET id = 'other'`)
			},
			"problem same installation: the order database is new or older", "make rebuild",
		},
		"unreadable state": {
			func(i *installation) {
				i.exec("statestore.db", `UPDATE state SET value = '{}' WHERE key LIKE '%||Order||%'`)
			}, "problem state store: ", "restore",
		},
		"ledger lost": {func(i *installation) { i.remove("my data/ledger.db") }, "problem ledger: is lost", "make restore-ledger"},
		"other ledger": {
			func(i *installation) { i.exec("ledger.db", `UPDATE state SET value = '{"id":"l-2"}'`) }, "problem ledger: lacks the earlier payments", "make restore-ledger",
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInstallation(t)
			test.plant(i)
			found, fixes := i.findings(stack.Options{})
			require.Len(t, found, 1, "%v", found)
			assert.True(t, strings.HasPrefix(found[0], test.want), found[0])
			assert.Contains(t, fixes[0], test.fix)
		})
	}
}

func TestPortInUseIsFound(t *testing.T) {
	freeAddresses(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	t.Setenv("ORDERS_ADDR", l.Addr().String())
	found, fixes := newInstallation(t).findings(stack.Options{})
	require.Len(t, found, 1)
	assert.Contains(t, found[0], "problem ports: ORDERS_ADDR: port")
	assert.Contains(t, found[0], strconv.Itoa(os.Getpid()), "it names the process")
	assert.Contains(t, fixes[0], "set ORDERS_ADDR")
}

func TestRunReturnsAnErrorForAProblem(t *testing.T) {
	freeAddresses(t)
	i := newInstallation(t)
	i.remove("bin/payments-svc")
	var out bytes.Buffer
	require.ErrorContains(t, doctor.Run(context.WithoutCancel(t.Context()), stack.Options{Root: i.root, Home: i.home}, &out), "problems found")
	assert.Contains(t, out.String(), "problem  programs: bin/payments-svc")
	assert.Contains(t, out.String(), "fix: make build runtime")
}
