//go:build stack

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/onbehalf"
	"orders/kit/dapr"
	"orders/kit/pgtest"
	"orders/kit/process"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment/paymenttest"
)

const (
	testTimeout = 2 * time.Minute
	appToken    = "the-sidecars-token"
)

var key = bytes.Repeat([]byte{0xfe}, onbehalf.MinKey)

// daprd is a sidecar with a state store and a secret store, without a control plane.
type daprd struct {
	home                string
	grpc, http, private int
	app                 int    // port of the service; 0 for none
	postgres            string // DSN of the state store; empty for SQLite
}

func newDaprd(t *testing.T) *daprd {
	t.Helper()
	d := &daprd{home: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(d.home, "components"), 0o700))
	for _, port := range []*int{&d.grpc, &d.http, &d.private} {
		var err error
		*port, err = process.FreePort()
		require.NoError(t, err)
	}
	t.Setenv("DAPR_GRPC_PORT", strconv.Itoa(d.grpc))
	return d
}

func (d *daprd) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(d.home, name), []byte(content), 0o600))
}

func (d *daprd) start(t *testing.T) {
	t.Helper()
	binary, err := filepath.Abs("../bin/dapr/daprd")
	require.NoError(t, err)
	require.FileExists(t, binary, "build the Dapr runtime first: make runtime")
	d.write(t, "keys.json", fmt.Sprintf(`{"payments-svc":{"obo-key":%q}}`, base64.StdEncoding.EncodeToString(key)))
	// daprd watches the directory of components and would restart again and again if it found a configuration there.
	d.write(t, "config.yaml", fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: test}
spec:
  nameResolution: # not mDNS, which would find other stacks on this machine
    component: kubernetes
    version: v1
    configuration: {template: "127.0.0.1:%d"}
`, d.private))
	kind, version, connection := "sqlite", "v1", "file:"+filepath.Join(d.home, "ledger.db")+"?_pragma=synchronous(NORMAL)"
	if d.postgres != "" {
		kind, version, connection = "postgresql", "v2", d.postgres
	}
	d.write(t, "components/ledger.yaml", fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: ledger}
spec:
  type: state.%s
  version: %s
  metadata:
    - {name: connectionString, value: %q}
    - {name: busyTimeout, value: 20s}
`, kind, version, connection))
	d.write(t, "components/secrets.yaml", fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec:
  type: secretstores.local.file
  version: v1
  metadata:
    - {name: secretsFile, value: %q}
    - {name: multiValued, value: "true"}
`, filepath.Join(d.home, "keys.json")))

	command := []string{
		binary,
		"--app-id=payments-svc", "--config=" + filepath.Join(d.home, "config.yaml"), "--resources-path=" + filepath.Join(d.home, "components"),
		"--dapr-listen-addresses=127.0.0.1", "--dapr-internal-grpc-listen-address=127.0.0.1",
		fmt.Sprintf("--dapr-grpc-port=%d", d.grpc), fmt.Sprintf("--dapr-http-port=%d", d.http),
		fmt.Sprintf("--dapr-internal-grpc-port=%d", d.private),
		"--enable-metrics=false", "--dapr-graceful-shutdown-seconds=1",
	}
	if d.app != 0 {
		command = append(command, fmt.Sprintf("--app-port=%d", d.app))
	}
	p := &process.Process{
		Name: "daprd", Command: command, Dir: d.home, Log: filepath.Join(d.home, "log"), Env: append(os.Environ(), "APP_API_TOKEN="+appToken),
	}
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		assert.NoError(t, p.Kill())
		if t.Failed() {
			output, err := os.ReadFile(p.Log)
			t.Logf("output of daprd (%v):\n%s", err, output)
		}
	})
}

func TestLedgerOnDapr(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testLedgerOnDapr(t, "") })
	t.Run("postgres", func(t *testing.T) { testLedgerOnDapr(t, pgtest.Start(t).DSN()) })
}

func testLedgerOnDapr(t *testing.T, postgres string) {
	d := newDaprd(t)
	d.postgres = postgres
	d.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	conn, err := dapr.Dial(dapr.Address(), "")
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	store := ledger.New(client.NewClientWithConnection(conn))
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, store.Ready(ctx)) }, testTimeout, 100*time.Millisecond)

	paymenttest.TestStore(t, store)
}

// The service starts before its sidecar, and accepts calls only from it.
func TestServiceStartsBeforeItsSidecar(t *testing.T) {
	d := newDaprd(t)
	port, err := process.FreePort()
	require.NoError(t, err)
	d.app = port
	t.Setenv("PAYMENTS_ADDR", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	t.Setenv("PAYMENT_CONFIRM_RATE", "1")
	t.Setenv("APP_API_TOKEN", appToken)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- command(ctx) }()
	d.start(t)

	id := uuid.NewString()
	through := fmt.Sprintf("http://127.0.0.1:%d/v1.0/invoke/payments-svc/method/payments/%s", d.http, id)
	around := fmt.Sprintf("http://127.0.0.1:%d/payments/%s", port, id)
	call := func(method, url string) (int, string, error) {
		token, err := onbehalf.Mint(key, onbehalf.Claims{OrderID: id, User: "alice", Amount: 900, Currency: "EUR"}, time.Now())
		if err != nil {
			return 0, "", err
		}
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(`{"amount":900,"currency":"EUR"}`))
		if err != nil {
			return 0, "", err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		status, got, err := call("PUT", through)
		assert.NoError(c, err)
		assert.Equal(c, 200, status, got)
		assert.Contains(c, got, `"status":"confirmed"`)
	}, testTimeout, 200*time.Millisecond)

	status, got, err := call("PUT", around)
	require.NoError(t, err)
	require.Equal(t, 401, status, got)
	status, got, err = call("POST", through+"/void")
	require.NoError(t, err)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"status":"voided"`)
	require.Equal(t, 1, strings.Count(got, `"charged"`))

	stop()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(testTimeout):
		t.Fatal("timeout: the service did not stop")
	}
}
