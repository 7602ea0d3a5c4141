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
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/onbehalf"
	"orders/kit/dapr"
	"orders/kit/freeport"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment"
)

const (
	patience = 2 * time.Minute
	appToken = "the-sidecars-token"
)

var key = bytes.Repeat([]byte{0xfe}, onbehalf.MinKey)

// daprd is a real sidecar with a ledger on SQLite and a secret store, without a control plane.
type daprd struct {
	home                string
	grpc, http, private int
	app                 int // the service's port; 0 for none
}

func newDaprd(t *testing.T) *daprd {
	t.Helper()
	d := &daprd{home: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(d.home, "components"), 0o700))
	for _, port := range []*int{&d.grpc, &d.http, &d.private} {
		var err error
		*port, err = freeport.Get()
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
	// Not among the components, which daprd watches: a configuration that it finds there makes it start again, for ever.
	d.write(t, "config.yaml", fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: test}
spec:
  nameResolution: # no mDNS: it would meet other stacks of this machine
    component: kubernetes
    version: v1
    configuration: {template: "127.0.0.1:%d"}
`, d.private))
	d.write(t, "components/ledger.yaml", fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: ledger}
spec:
  type: state.sqlite
  version: v1
  metadata:
    - {name: connectionString, value: "file:%s?_pragma=synchronous(NORMAL)"}
    - {name: busyTimeout, value: 20s}
`, filepath.Join(d.home, "ledger.db")))
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

	var output bytes.Buffer
	args := []string{
		"--app-id=payments-svc", "--config=" + filepath.Join(d.home, "config.yaml"), "--resources-path=" + filepath.Join(d.home, "components"),
		"--dapr-listen-addresses=127.0.0.1", "--dapr-internal-grpc-listen-address=127.0.0.1",
		fmt.Sprintf("--dapr-grpc-port=%d", d.grpc), fmt.Sprintf("--dapr-http-port=%d", d.http),
		fmt.Sprintf("--dapr-internal-grpc-port=%d", d.private),
		"--enable-metrics=false", "--dapr-graceful-shutdown-seconds=1",
	}
	if d.app != 0 {
		args = append(args, fmt.Sprintf("--app-port=%d", d.app))
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "APP_API_TOKEN="+appToken)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("daprd said:\n%s", output.String())
		}
	})
}

func TestTheLedgerOnTheRealDapr(t *testing.T) {
	d := newDaprd(t)
	d.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := dapr.Dial(dapr.Address(), "")
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	store := ledger.New(client.NewClientWithConnection(conn))
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, store.Ready(ctx)) }, patience, 100*time.Millisecond)

	t.Run("the first write wins", func(t *testing.T) {
		id := uuid.NewString()
		nothing, version, err := store.Load(ctx, id)
		require.NoError(t, err)
		require.Empty(t, version)
		require.Empty(t, nothing)

		request := payment.Request{OrderID: id, Amount: 900, Currency: "EUR"}
		paid, _, err := nothing.Pay(request, time.Now(), func() bool { return true })
		require.NoError(t, err)
		require.NoError(t, store.Save(ctx, paid, version))
		require.ErrorIs(t, store.Save(ctx, paid, version), payment.ErrConflict, "an insert of what is there")

		got, version, err := store.Load(ctx, id)
		require.NoError(t, err)
		require.Equal(t, paid, got)
		voided, _, err := got.Void(request, time.Now())
		require.NoError(t, err)
		require.NoError(t, store.Save(ctx, voided, version))
		require.ErrorIs(t, store.Save(ctx, paid, version), payment.ErrConflict, "an update from an old version")
		got, _, err = store.Load(ctx, id)
		require.NoError(t, err)
		require.Equal(t, voided, got)
	})

	t.Run("all who ask at once get one answer", func(t *testing.T) {
		request := payment.Request{OrderID: uuid.NewString(), Amount: 900, Currency: "EUR"}
		const callers = 16
		statuses := make(chan payment.Status, callers)
		var all sync.WaitGroup
		for i := range callers {
			desk := payment.Service{Store: store, Confirm: func() bool { return i%2 == 0 }, Now: time.Now}
			all.Go(func() {
				p, err := desk.Pay(ctx, request)
				assert.NoError(t, err)
				statuses <- p.Status
			})
		}
		all.Wait()
		first := <-statuses
		for range callers - 1 {
			require.Equal(t, first, <-statuses)
		}
	})
}

// The service starts before its sidecar, and is reached only through it.
func TestTheServiceBehindALateSidecar(t *testing.T) {
	d := newDaprd(t)
	port, err := freeport.Get()
	require.NoError(t, err)
	d.app = port
	t.Setenv("PAYMENTS_ADDR", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	t.Setenv("PAYMENT_CONFIRM_RATE", "1")
	t.Setenv("APP_API_TOKEN", appToken)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
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
	}, patience, 200*time.Millisecond)

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
	case <-time.After(patience):
		t.Fatal("the service didn't stop")
	}
}
