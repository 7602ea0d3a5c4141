package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/pgtest"
	"orders/stack"
)

// The procedure in helm/README.md: both keys are changed in three rounds of restarts, one process after another, while customers
// create and cancel. Nothing is refused but with a 503 that says when to try again, and what was acknowledged holds.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	s := replicated(t, "5s")
	l := startShoppers(t, s)
	defer l.stop()
	keys := secretsOf(t, s)
	ours := []string{stack.OrdersActor, stack.OrdersActor + "-2"}
	roll := func(what string, change func(name string, held map[string]string), apps ...string) {
		t.Helper()
		t.Log(what)
		for _, app := range []string{stack.OrdersActor, stack.PaymentsSvc} {
			for _, name := range []string{"command-seal-key", "obo-key"} {
				if keys[app][name] != "" {
					change(name, keys[app])
				}
			}
		}
		keys.write(t, s)
		for _, app := range apps {
			restart(t, s, app)
		}
		before := l.made()
		await(t, "the load goes on: "+what, func() bool { return l.made() >= before+10 })
	}

	before := secretsOf(t, s)
	roll("a replica has another key, and none of the others", func(name string, held map[string]string) {
		if name == "command-seal-key" {
			held[name] = newKey()
		}
	}, ours[1])
	await(t, "commands between them were refused", func() bool { return l.unavailable() > 0 })
	keys = before
	roll("the mistake is undone", func(string, map[string]string) {}, ours[1])

	all := slices.Concat(ours, []string{stack.PaymentsSvc})
	fresh := map[string]string{"command-seal-key": newKey(), "obo-key": newKey()}
	roll("the new keys are accepted", func(name string, held map[string]string) { held[name+"-previous"] = fresh[name] }, all...)
	roll("the new keys are used", func(name string, held map[string]string) {
		held[name], held[name+"-previous"] = held[name+"-previous"], held[name]
	}, all...)
	roll("the old keys are forgotten", func(name string, held map[string]string) { delete(held, name+"-previous") }, all...)
	for app, held := range keys {
		for name, key := range held {
			if name != "dev-token-key" {
				assert.Equal(t, fresh[name], key, "%s %s", app, name)
			}
		}
	}

	l.check(t)
}

// replicated is a stack of two replicas on a PostgreSQL of its own, where every payment is confirmed.
func replicated(t *testing.T, deliverAfter string) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: pgtest.Start(t).DSN(),
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": deliverAfter, "RATE_LIMIT": "0"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// restart ends an app and its sidecar in order, and starts them again, with the secrets as they are now.
func restart(t *testing.T, s *stack.Stack, app string) {
	t.Helper()
	require.NoError(t, s.Stop(app))
	if err := s.Stop(app + ".sidecar"); err != nil {
		t.Log(err) // Dapr ends late on a busy machine and is killed then, which changes nothing for the orders
	}
	for _, part := range []string{app + ".sidecar", app} {
		require.NoError(t, s.Start(part))
	}
	require.NoError(t, s.WaitReady(t.Context()))
}

// secrets are the keys of a stack's apps.
type secrets map[string]map[string]string

func secretsOf(t *testing.T, s *stack.Stack) secrets {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.Home(), "secrets.json"))
	require.NoError(t, err)
	return parse[secrets](t, content)
}

func (k secrets) write(t *testing.T, s *stack.Stack) {
	t.Helper()
	content, err := json.Marshal(k)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.Home(), "secrets.json"), content, 0o600))
}

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// shoppers create orders at either replica, and cancel every third one, until they are stopped. They try again whatever has no
// answer, or a 503.
type shoppers struct {
	t      *testing.T
	at     []client
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	orders   map[string]bool // whether its cancel was acknowledged
	refused  int
	verdicts []string // what no rotation may answer
}

func startShoppers(t *testing.T, s *stack.Stack) *shoppers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &shoppers{t: t, cancel: cancel, orders: map[string]bool{}}
	token := as(t, s.URL(), "shopper", "customer").token
	for _, url := range s.URLs() {
		l.at = append(l.at, client{base: url, token: token})
	}
	for i := range 4 {
		l.work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.shop(fmt.Sprintf("%d-%d", i, n), n%3 == 0)
			}
		})
	}
	return l
}

func (l *shoppers) shop(key string, cancel bool) {
	status, body := l.call(http.MethodPost, "/v1/orders", tea, key)
	var o order
	if status != http.StatusCreated || json.Unmarshal(body, &o) != nil {
		l.verdict("create", status, body)
		return
	}
	l.mu.Lock()
	l.orders[o.ID] = false
	l.mu.Unlock()
	if !cancel {
		return
	}
	status, body = l.call(http.MethodPost, "/v1/orders/"+o.ID+"/cancel", "", "")
	switch {
	case status == http.StatusOK:
		l.mu.Lock()
		l.orders[o.ID] = true
		l.mu.Unlock()
	case status != http.StatusConflict: // it was delivered before the cancel got through
		l.verdict("cancel "+o.ID, status, body)
	}
}

// call asks one replica after the other until one of them answers.
func (l *shoppers) call(method, path, body, key string) (status int, answer []byte) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for try := 0; l.t.Context().Err() == nil; try++ {
		req := l.at[try%len(l.at)].request(l.t, method, path, body)
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		status, answer, err := l.send(req)
		if err == nil && status != http.StatusServiceUnavailable {
			return status, answer
		}
		<-again.C
	}
	return 0, nil
}

func (l *shoppers) send(req *http.Request) (int, []byte, error) {
	resp, err := watched(l.t).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	var body json.RawMessage
	err = decode(resp.Body, &body)
	if resp.StatusCode == http.StatusServiceUnavailable {
		l.mu.Lock()
		l.refused++
		l.mu.Unlock()
		assert.NotEmpty(l.t, resp.Header.Get("Retry-After"))
	}
	return resp.StatusCode, body, err
}

func (l *shoppers) verdict(of string, status int, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verdicts = append(l.verdicts, fmt.Sprintf("%s: %d %s", of, status, body))
}

func (l *shoppers) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

func (l *shoppers) unavailable() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

func (l *shoppers) stop() {
	l.cancel()
	l.work.Wait()
}

// check stops them, and compares what was acknowledged with what there is.
func (l *shoppers) check(t *testing.T) {
	t.Helper()
	l.stop()
	assert.Empty(t, l.verdicts)
	for id, cancelled := range maps.All(l.orders) {
		o := l.at[0].await(t, id, "final", order.final)
		if cancelled {
			assert.Equal(t, "cancelled", o.Status, id)
		} else {
			assert.Equal(t, "created confirmed delivered", o.path(t), id)
		}
	}
	t.Logf("%d orders, %d answers of 503", len(l.orders), l.refused)
}
