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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
	"orders/kit/pgtest"
	"orders/stack"
)

// It follows the procedure in helm/README.md: all keys are changed in three rolling restarts while customers create and cancel
// orders. The only errors are 503 with Retry-After, and acknowledged requests keep their effect.
func TestKeyRotationUnderLoadLosesNothing(t *testing.T) {
	s := replicated(t, "5s")
	l := startLoad(t, s)
	defer l.stop()
	keys := secretsOf(t, s)
	replicas := []string{stack.OrdersActor, stack.OrdersActor + "-2"}
	roll := func(what string, change func(name string, held map[string]string), apps ...string) {
		t.Helper()
		t.Log(what)
		for _, app := range []string{stack.OrdersActor, stack.PaymentsSvc} {
			for _, name := range []string{"command-seal-key", "obo-key", "dev-token-key"} {
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
		await(t, "more orders: "+what, func() bool { return l.made() >= before+10 })
	}

	before := secretsOf(t, s)
	roll("one replica has a different key", func(name string, held map[string]string) {
		if name == "command-seal-key" {
			held[name] = newKey()
		}
	}, replicas[1])
	await(t, "503 answers because of the different keys", func() bool { return l.unavailable() > 0 })
	keys = before
	roll("the replica has the common key again", func(string, map[string]string) {}, replicas[1])

	all := slices.Concat(replicas, []string{stack.PaymentsSvc})
	fresh := map[string]string{"command-seal-key": newKey(), "obo-key": newKey(), "dev-token-key": newKey()}
	roll("the new keys are accepted", func(name string, held map[string]string) { held[name+"-previous"] = fresh[name] }, all...)
	roll("the new keys are used", func(name string, held map[string]string) {
		held[name], held[name+"-previous"] = held[name+"-previous"], held[name]
	}, all...)
	l.signIn() // the service forgets the key of the earlier tokens
	roll("the old keys are removed", func(name string, held map[string]string) { delete(held, name+"-previous") }, all...)
	for app, held := range keys {
		for name, key := range held {
			assert.Equal(t, fresh[name], key, "%s %s", app, name)
		}
	}

	l.check(t)
}

// replicated starts a stack of two replicas with its own PostgreSQL, in which every payment is confirmed.
func replicated(t *testing.T, deliverAfter string) *stack.Stack {
	t.Helper()
	return replicatedOn(t, pgtest.Start(t).DSN(), deliverAfter)
}

// replicatedOn is replicated with an existing PostgreSQL.
func replicatedOn(t *testing.T, postgres, deliverAfter string) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: postgres,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": deliverAfter, "RATE_LIMIT": "0"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// restart stops an app and its sidecar and starts them again. They read the current secrets.
func restart(t *testing.T, s *stack.Stack, app string) {
	t.Helper()
	require.NoError(t, s.Stop(app))
	if err := s.Stop(app + ".sidecar"); err != nil {
		t.Log(err) // on a slow machine Dapr may exceed its timeout and is killed, which must not affect orders
	}
	for _, part := range []string{app + ".sidecar", app} {
		require.NoError(t, s.Start(part))
	}
	require.NoError(t, s.WaitReady(t.Context()))
}

// secrets holds the keys of a stack's apps.
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

// load is a set of customers who create orders at both replicas and cancel every third one, until they are stopped. They retry
// requests that got no answer or a 503.
type load struct {
	t      *testing.T
	urls   []string // of the replicas
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu         sync.Mutex
	at         []user          // at each replica
	orders     map[string]bool // whether its cancel was acknowledged
	refused    int
	unexpected []string // answers that a rotation must not cause

	databaseLost atomic.Bool // orders may be answered 404
}

func startLoad(t *testing.T, s *stack.Stack) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, urls: s.URLs(), cancel: cancel, orders: map[string]bool{}}
	l.signIn()
	for i := range 4 {
		l.work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.createAndCancel(fmt.Sprintf("%d-%d", i, n), n%3 == 0)
			}
		})
	}
	return l
}

// signIn makes the next requests with a new token.
func (l *load) signIn() {
	token := login(l.t, l.urls[0], "load", api.RoleCustomer).token
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = nil
	for _, url := range l.urls {
		l.at = append(l.at, as(l.t, url, token))
	}
}

// user returns the customer at a replica.
func (l *load) user(n int) user {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[n%len(l.at)]
}

func (l *load) createAndCancel(key string, cancel bool) {
	got := l.call(func(u user) (*http.Response, error) {
		return u.CreateOrder(l.t.Context(), &api.CreateOrderParams{IdempotencyKey: &key}, tea)
	})
	var o api.Order
	if got.Status != http.StatusCreated || json.Unmarshal(got.Body, &o) != nil {
		l.fail("create", got)
		return
	}
	l.mu.Lock()
	l.orders[o.ID] = false
	l.mu.Unlock()
	if !cancel {
		return
	}
	got = l.call(func(u user) (*http.Response, error) {
		return u.CancelOrderWithBody(l.t.Context(), o.ID, nil, "", nil)
	})
	switch {
	case got.Status == http.StatusOK:
		l.mu.Lock()
		l.orders[o.ID] = true
		l.mu.Unlock()
	case got.Status == http.StatusNotFound && l.databaseLost.Load(): // acknowledged orders are answered 404 until the rebuild
	case got.Status != http.StatusConflict: // it was delivered before the cancel
		l.fail("cancel "+o.ID, got)
	}
}

// call sends the request to the replicas in turn until one of them answers.
func (l *load) call(send func(user) (*http.Response, error)) client.Reply {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for try := 0; l.t.Context().Err() == nil; try++ {
		got, err := client.Read(send(l.user(try)))
		if err == nil && got.Status != http.StatusServiceUnavailable {
			return got
		}
		if err == nil {
			l.mu.Lock()
			l.refused++
			l.mu.Unlock()
			assert.NotEmpty(l.t, got.Header.Get("Retry-After"))
		}
		<-again.C
	}
	return client.Reply{}
}

func (l *load) fail(of string, got client.Reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unexpected = append(l.unexpected, fmt.Sprintf("%s: %d %s", of, got.Status, got.Body))
}

func (l *load) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

// acknowledged returns the orders so far, and whether their cancel was acknowledged.
func (l *load) acknowledged() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.orders)
}

func (l *load) unavailable() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

func (l *load) stop() {
	l.cancel()
	l.work.Wait()
}

// check stops the load and compares the acknowledged requests with the stored orders.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.stop()
	assert.Empty(t, l.unexpected)
	for id, cancelled := range maps.All(l.orders) {
		o := l.user(0).await(t, id, "final", final)
		if cancelled {
			assert.Equal(t, api.StatusCancelled, o.Status, id)
		} else {
			assert.Equal(t, "created confirmed delivered", path(t, o), id)
		}
	}
	t.Logf("%d orders, %d 503 answers", len(l.orders), l.refused)
}
