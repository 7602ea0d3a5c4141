package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/pgtest"
	"orders/stack"
)

// eventReceiver stores which versions of each order arrive, in the sequence of their first arrival. It answers each fourth event with 503
// although it has stored it, once, is slow for each tenth, and answers nothing while it is down.
type eventReceiver struct {
	t *testing.T

	mu       sync.Mutex
	versions map[string][]int
	failed   map[string]bool
	requests int
	events   int
	down     bool
}

func (r *eventReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var e struct {
		ID, Subject string
		Data        api.OrderSummary
	}
	if !assert.NoError(r.t, json.NewDecoder(req.Body).Decode(&e)) {
		return
	}
	assert.Equal(r.t, e.ID, req.Header.Get("Webhook-Id"))
	if r.receive(e.ID, e.Subject, e.Data.Version, w) {
		<-time.After(time.Second)
	}
}

func (r *eventReceiver) receive(id, order string, version int, w http.ResponseWriter) (slow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		panic(http.ErrAbortHandler)
	}
	if !slices.Contains(r.versions[order], version) {
		r.versions[order] = append(r.versions[order], version)
		r.events++
	}
	r.requests++
	if r.requests%4 == 0 && !r.failed[id] {
		r.failed[id] = true
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return r.requests%10 == 0
}

func (r *eventReceiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *eventReceiver) received() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

func (r *eventReceiver) of(order string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.versions[order])
}

// Each version of each order reaches a webhook, in order, although the receiver fails, is slow and is down, and the replica that sends is
// killed meanwhile.
func TestWebhookReceivesEachVersionInOrder(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: pgtest.Start(t).DSN(),
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "1s", "WEBHOOK_ALLOW_PRIVATE": "true"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "0.7", "PAYMENT_LATENCY": "1ms"},
		},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	receiver := &eventReceiver{t: t, versions: map[string][]int{}, failed: map[string]bool{}}
	server := httptest.NewServer(receiver)
	defer server.Close()

	operator := login(t, s.URLs()[0], "otto", api.RoleOperator) // this replica sends at first
	added := read(t)(operator.CreateWebhook(t.Context(), api.CreateWebhook{URL: server.URL}))
	require.Equal(t, http.StatusCreated, added.Status)
	webhook := parse[api.WebhookWithSecret](t, added.Body)
	require.True(t, strings.HasPrefix(webhook.Secret, "whsec_"))

	one, two := login(t, s.URLs()[0], "alice", api.RoleCustomer), login(t, s.URLs()[1], "alice", api.RoleCustomer)
	var ids []string
	for range 30 {
		ids = append(ids, one.created(t).ID)
	}
	await(t, "events arrive", func() bool { return receiver.received() > 20 })
	receiver.set(true)
	for range 10 {
		ids = append(ids, two.created(t).ID)
	}
	require.NoError(t, s.Kill(stack.OrdersActor))
	require.NoError(t, s.Kill(stack.OrdersActor+".sidecar"))
	for range 10 {
		ids = append(ids, two.created(t).ID)
	}
	last := map[string]int{}
	for _, id := range ids {
		last[id] = two.await(t, id, "final", final).Version
	}
	receiver.set(false)
	await(t, "all events arrive", func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return len(receiver.of(id)) < last[id] })
	})
	for id, n := range last {
		got := receiver.of(id)
		assert.Len(t, got, n)
		assert.IsIncreasing(t, append([]int{0}, got...), id)
	}
	operator = login(t, s.URLs()[1], "otto", api.RoleOperator)
	await(t, "no event waits", func() bool {
		w := parse[api.Webhook](t, read(t)(operator.GetWebhook(t.Context(), webhook.ID)).Body)
		return w.Enabled && w.Waiting == 0 && w.Failures == 0
	})
	for _, part := range []string{stack.OrdersActor + ".sidecar", stack.OrdersActor} {
		require.NoError(t, s.Start(part))
	}
	require.NoError(t, s.WaitReady(t.Context()))
}
