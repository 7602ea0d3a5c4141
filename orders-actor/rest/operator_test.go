package rest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/actors"
	"orders/orders-actor/order"
	"orders/orders-actor/rest"
)

func lost(s *server, o order.Order) {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	delete(s.turns.states, o.ID)
}

func failedVoid(s *server, o order.Order) {
	s.advance(o.ID, func(o order.State) (order.State, bool) {
		o, changed, _ := o.Cancel(order.Cancel{ID: o.ID, User: "alice", By: order.ByCustomer}, time.Now())
		return o, changed
	})
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	s.turns.jobs = []order.Job{{Void: true, State: order.JobFailed, Tries: 3, LastError: "503 Service Unavailable"}}
}

func TestOperatorsInspectAndReconcile(t *testing.T) {
	const unknown = "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"
	const reason = `{"reason":"reminder lost"}`
	runAll(t, []scenario{
		{
			name: "inspect", as: "otto", call: "GET /v1/orders/{id}/inspect", status: 200,
			has:    []string{`"verdict":"consistent"`, `"findings":[]`, `"host":"a:8080"`, `"voidPending":false`, `"reminder":{"set":false}`, `"ledger":{}`, "waits for its payment"},
			hasNot: []string{"fingerprint", "auth"}, sets: map[string]string{"Cache-Control": "no-store"},
		},
		{
			name: "inspect an order whose actor has lost its state", as: "otto", call: "GET /v1/orders/{id}/inspect", before: lost, status: 200,
			has: []string{`"verdict":"inconsistent"`, `"code":"actor-missing"`, `"fix":"reconcile"`, `"actor":{"host":"a:8080"}`},
		},
		{
			name: "inspect while actors are unavailable", as: "otto", call: "GET /v1/orders/{id}/inspect", before: unavailable, status: 200,
			has: []string{`"verdict":"unknown"`, `"actor":{"error":"`, `"database":{"order":`, "No answer from: actor."},
		},
		{
			name: "inspect an order with a pending void", as: "otto", call: "GET /v1/orders/{id}/inspect", before: failedVoid, status: 200,
			has: []string{`"jobs":[{"kind":"void","lastError":"503 Service Unavailable","state":"failed","tries":3}]`, `"voidPending":true`},
		},
		{name: "inspect by the id in capitals", as: "otto", call: "GET /v1/orders/{ID}/inspect", status: 200, has: []string{`"id":"{id}"`}},
		{name: "inspect as customer", as: "alice", call: "GET /v1/orders/{id}/inspect", status: 403, code: "forbidden"},
		{name: "inspect without a token", call: "GET /v1/orders/{id}/inspect", status: 401, code: "unauthenticated"},
		{name: "inspect an unknown order", as: "otto", call: "GET /v1/orders/" + unknown + "/inspect", status: 404, code: "order-not-found"},
		{name: "inspect by an invalid id", as: "otto", call: "GET /v1/orders/17/inspect", status: 400, code: "invalid-request", fields: []string{"id"}},
		{name: "inspect with another method", as: "otto", call: "DELETE /v1/orders/{id}/inspect", status: 405, code: "method-not-allowed", sets: map[string]string{"Allow": "GET, HEAD"}},

		{
			name: "reconcile", as: "otto", call: "POST /v1/orders/{id}/reconcile", body: reason, status: 200,
			has: []string{`"repairs":["reminder-set"]`, `"history":[{`}, sets: map[string]string{"ETag": `"1"`},
		},
		{name: "reconcile the current version", as: "otto", call: "POST /v1/orders/{id}/reconcile", body: reason, headers: []string{"If-Match", `"1"`}, status: 200},
		{
			name: "reconcile an old version", as: "otto", call: "POST /v1/orders/{id}/reconcile", body: reason, headers: []string{"If-Match", `"1"`}, before: confirmed,
			status: 412, code: "version-mismatch", has: []string{`"current":{"status":"confirmed","version":2}`}, sets: map[string]string{"ETag": `"2"`},
		},
		{name: "reconcile as customer", as: "alice", call: "POST /v1/orders/{id}/reconcile", body: reason, status: 403, code: "forbidden"},
		{name: "reconcile an unknown order", as: "otto", call: "POST /v1/orders/" + unknown + "/reconcile", body: reason, status: 404, code: "order-not-found"},
		{name: "reconcile without a reason", as: "otto", call: "POST /v1/orders/{id}/reconcile", body: `{"reason":" \n"}`, status: 400, code: "invalid-request", fields: []string{"reason"}},
		{name: "reconcile without a body", as: "otto", call: "POST /v1/orders/{id}/reconcile", headers: []string{"Content-Type", "application/json"}, status: 400, code: "invalid-json"},
		{name: "reconcile while actors are unavailable", as: "otto", call: "POST /v1/orders/{id}/reconcile", body: reason, before: unavailable, status: 503, code: "unavailable"},
		{name: "list what needs attention as customer", as: "alice", call: "GET /v1/orders?attention=true", status: 403, code: "forbidden"},
		{name: "list as customer without the filter", as: "alice", call: "GET /v1/orders?attention=false", status: 200, hasNot: []string{"attention"}},
		{name: "list with an invalid filter", as: "otto", call: "GET /v1/orders?attention=1", status: 400, code: "invalid-request", fields: []string{"attention"}},
		{name: "list as operator", as: "otto", call: "GET /v1/orders", status: 200, has: []string{`"attention":0`}},
	})
}

func TestReconcileIsRecordedWithItsOutcome(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	path := "/v1/orders/" + o.ID
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	s.failCommands(actors.ErrUnavailable)
	require.Equal(t, 503, s.call("otto", "POST", path+"/reconcile", `{"reason":"first"}`, "X-Request-Id", "one").StatusCode)
	s.failCommands(nil)
	require.Equal(t, 412, s.call("otto", "POST", path+"/reconcile", `{"reason":"second"}`, "X-Request-Id", "two", "If-Match", `"7"`).StatusCode)
	require.Equal(t, 200, s.call("otto", "POST", path+"/reconcile", `{"reason":"third"}`, "X-Request-Id", "three", "traceparent", "00-"+trace+"-00f067aa0ba902b7-01").StatusCode)

	repairs := read[api.Inspection](t, s.call("otto", "GET", path+"/inspect", "")).Repairs
	require.Len(t, repairs, 3)
	assert.Equal(t, []string{"first", "second", "third"}, []string{repairs[0].Reason, repairs[1].Reason, repairs[2].Reason})
	assert.False(t, repairs[0].Done, "the order may have executed it")
	assert.NotEmpty(t, repairs[0].Error)
	assert.True(t, repairs[1].Done)
	assert.Contains(t, repairs[1].Error, "version-mismatch")
	assert.Equal(t, []api.RepairStep{"reminder-set"}, repairs[2].Steps)
	assert.Equal(t, []string{"otto", "three", trace}, []string{repairs[2].User, repairs[2].RequestID, repairs[2].TraceID})
}

// All reads of an operator show the same reasons; those of a customer show none.
func TestAttentionIsShownToOperatorsWhileItLasts(t *testing.T) {
	s := start(t, func(o *rest.Options) {
		o.Operator.After = time.Second
		o.Now = func() time.Time { return time.Now().Add(time.Minute) } // all orders are late
	})
	s.db.After = -time.Minute
	unpaid, inconsistent := s.given("alice"), s.given("alice")
	s.advance(inconsistent.ID, confirm)
	s.advance(inconsistent.ID, deliver)
	require.NoError(t, s.db.SetFindings(t.Context(), inconsistent.ID, time.Now(), []string{"charged-twice"}))
	page := read[api.OrderList](t, s.call("otto", "GET", "/v1/orders?attention=true", ""))
	require.Len(t, page.Orders, 2)
	assert.Equal(t, 2, *page.Attention)
	reasons := map[string]api.Attention{}
	for _, o := range page.Orders {
		reasons[o.ID] = o.Attention
	}
	assert.Equal(t, map[string]api.Attention{unpaid.ID: {api.AttentionReasonUnpaid}, inconsistent.ID: {api.AttentionReasonInconsistent}}, reasons)
	assert.Equal(t, 2, *s.counts("otto", "").Attention)
	assert.Equal(t, api.Attention{api.AttentionReasonUnpaid}, read[api.Order](t, s.call("otto", "GET", "/v1/orders/"+unpaid.ID, "")).Attention)
	assert.NotContains(t, string(s.call("alice", "GET", "/v1/orders/"+unpaid.ID, "").body), "attention")
	assert.NotContains(t, string(s.call("alice", "GET", "/v1/orders", "").body), "attention")

	s.advance(unpaid.ID, confirm)
	s.advance(unpaid.ID, deliver)
	assert.Equal(t, 1, *s.counts("otto", "").Attention)
	assert.Equal(t, 200, s.call("otto", "GET", "/v1/orders/"+inconsistent.ID+"/inspect", "").StatusCode)
}

// counted completes an order now, and counts it.
func counted(s *server, o order.Order) {
	delivered(s, o)
	require.NoError(s, s.turns.db.Minutes.Advance(s.Context(), time.Now()))
}

// opened leaves this order unpaid and inconsistent, and another one due.
func opened(s *server, o order.Order) {
	s.advance(s.given("alice").ID, confirm)
	require.NoError(s, s.turns.db.SetFindings(s.Context(), o.ID, time.Now(), []string{"actor-missing"}))
}

func audited(s *server, o order.Order) {
	ctx, now := s.Context(), time.Now()
	ids, err := s.turns.db.Audits.Claim(ctx, now, time.Second, time.Hour, 10)
	require.NoError(s, err)
	require.Equal(s, []string{o.ID}, ids)
	require.NoError(s, s.turns.db.Audits.Checked(ctx, now, 1))
	require.NoError(s, s.turns.db.SetFindings(ctx, o.ID, now, []string{"actor-missing"}))
}

func TestStats(t *testing.T) {
	runAll(t, []scenario{
		{
			name: "stats of a delivered order", as: "otto", call: "GET /v1/stats", before: counted, status: 200,
			has: []string{
				`"total":{"cancelled":0,"confirmed":1,"created":1,"declined":0,"delivered":1}`, `"payment":{"p50":`, `"lateness":{"p50":`,
				`"attention":[]`, `"audit":{"checked":0,"perMinute":60,"sweep":{"orders":0}}`, `"readers":0`,
			},
		},
		{
			name: "stats without any order in the time", as: "otto", call: "GET /v1/stats?minutes=1440", status: 200,
			has: []string{`"minutes":[]`}, hasNot: []string{"p50", "lastSweep"},
		},
		{
			name: "stats of the audit", as: "otto", call: "GET /v1/stats?minutes=1", before: audited, status: 200,
			has: []string{`"attention":[{"count":1,"oldestSince":"`, `"reason":"inconsistent"`, `"checked":1,"lastCheckedAt":"`, `"lastSweep":{"endedAt":"`},
		},
		{
			name: "stats of open orders", as: "otto", call: "GET /v1/stats", before: opened, status: 200,
			has: []string{`"current":{"attention":1,"awaitingPayment":1,"dueWithinHour":1}`},
		},
		{name: "stats as customer", as: "alice", call: "GET /v1/stats", status: 403, code: "forbidden"},
		{name: "stats without a token", call: "GET /v1/stats", status: 401, code: "unauthenticated"},
		{name: "stats of no minutes", as: "otto", call: "GET /v1/stats?minutes=0", status: 400, code: "invalid-request", fields: []string{"minutes"}},
		{name: "stats of more than a day", as: "otto", call: "GET /v1/stats?minutes=1441", status: 400, code: "invalid-request", fields: []string{"minutes"}},
		{name: "stats of hours", as: "otto", call: "GET /v1/stats?hours=1", status: 400, code: "invalid-request", fields: []string{"hours"}},
	})
}
