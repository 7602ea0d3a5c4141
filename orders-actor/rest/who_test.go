package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func TestHistoryNamesTheRequestsThatCausedIt(t *testing.T) {
	s := start(t)
	created := read[api.Order](t, s.call("alice", http.MethodPost, "/v1/orders", tea, "X-Request-Id", "create-1", "traceparent", traceparent))
	s.advance(created.ID, confirm)
	cancelled := read[api.CancelledOrder](t, s.call("alice", http.MethodPost, "/v1/orders/"+created.ID+"/cancel", `{"reason":"late"}`, "X-Request-Id", "cancel-1"))

	type change = api.Change
	var history []change
	for _, e := range cancelled.History {
		history = append(history, change{Cause: e.Cause, By: e.By, User: e.User, Reason: e.Reason, RequestID: e.RequestID, TraceID: e.TraceID})
	}
	assert.Equal(t, []change{
		{Cause: "created", By: "customer", User: "alice", RequestID: "create-1", TraceID: traceID},
		{Cause: "payment-confirmed", By: "payment", TraceID: traceID},
		{Cause: "cancel", By: "customer", User: "alice", Reason: "late", RequestID: "cancel-1"},
	}, history)
	assert.Equal(t, history[0], created.LastChange)
	assert.Equal(t, history[2], cancelled.LastChange)
}

// Customers see the role and the reason of an operator, and nothing else. Operators see everything.
func TestCustomersDoNotSeeWhichOperatorChangedAnOrder(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	head := read[api.OrderList](t, s.call("alice", http.MethodGet, "/v1/orders", "")).Feed
	outcome := read[api.CancelOutcomes](t, s.call("otto", http.MethodPost, "/v1/orders/cancel", `{"ids":["`+o.ID+`"],"reason":"out of stock"}`,
		"X-Request-Id", "otto-1", "traceparent", traceparent)).Outcomes[0]
	full := api.Change{Cause: "cancel", By: "operator", User: "otto", Reason: "out of stock", RequestID: "otto-1", TraceID: traceID}
	assert.Equal(t, full, outcome.Order.LastChange)

	for user, want := range map[string]api.Change{
		"otto":  full,
		"alice": {Cause: "cancel", By: "operator", Reason: "out of stock"},
	} {
		t.Run(user, func(t *testing.T) {
			get := func(path string, headers ...string) answer { return s.call(user, http.MethodGet, path, "", headers...) }
			replies := map[string]answer{
				"order":  get("/v1/orders/" + o.ID),
				"list":   get("/v1/orders"),
				"events": get("/v1/orders/events?after=" + head),
				"cancel": s.call(user, http.MethodPost, "/v1/orders/"+o.ID+"/cancel", ""),
				"bulk":   s.call(user, http.MethodPost, "/v1/orders/cancel", `{"ids":["`+o.ID+`"]}`),
				"csv":    get("/v1/orders", "Accept", "text/csv"),
			}
			assert.Equal(t, want, read[api.Order](t, replies["order"]).LastChange)
			assert.Equal(t, want.User, read[api.Order](t, replies["order"]).History[1].User)
			assert.Equal(t, want, read[api.OrderList](t, replies["list"]).Orders[0].LastChange)
			assert.Equal(t, want, read[api.Events](t, replies["events"]).Events[0].Order.LastChange)
			cancelled := read[api.CancelledOrder](t, replies["cancel"])
			assert.Equal(t, want, cancelled.LastChange)
			assert.False(t, cancelled.Changed)
			again := read[api.CancelOutcomes](t, replies["bulk"]).Outcomes[0]
			assert.Equal(t, want, again.Order.LastChange)
			assert.False(t, *again.Changed)
			streamed, ok := s.stream(user, "/v1/orders/events?after="+head).next()
			require.True(t, ok)
			assert.Equal(t, want, streamed.LastChange)
			if user == "alice" {
				for name, reply := range replies {
					for _, secret := range []string{"otto", traceID} {
						assert.NotContains(t, string(reply.body), secret, name)
					}
				}
			}
		})
	}
}

func TestOrderOfANewerReleaseIsUnavailable(t *testing.T) {
	s := start(t)
	newer, err := order.New(order.Create{
		ID: "0198f7a0-0000-7000-8000-000000000009", Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, time.Now())
	require.NoError(t, err)
	newer.Schema = order.Schema + 1
	require.NoError(t, s.db.Put(t.Context(), newer))
	for _, call := range []string{"GET /v1/orders/" + newer.ID, "POST /v1/orders/" + newer.ID + "/cancel"} {
		method, path, _ := strings.Cut(call, " ")
		a := s.call("alice", method, path, "")
		require.Equal(t, http.StatusServiceUnavailable, a.StatusCode, call)
		assert.Contains(t, a.problem(t).Detail, "newer release")
	}
	assert.Len(t, read[api.OrderList](t, s.call("alice", http.MethodGet, "/v1/orders", "")).Orders, 1)
}
