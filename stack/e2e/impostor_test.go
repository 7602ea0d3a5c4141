package e2e

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/kit/actors"
	"orders/stack"
	"orders/stack/impostor"
)

// impostorApp is the id of the impostor.
const impostorApp = "impostor"

// Any app in the namespace can register the actor type Order. Placement then assigns a share of the orders to it.
func TestImpostorCannotForgeAcknowledgements(t *testing.T) {
	address, err := shared.AddSidecar(t.Context(), impostorApp)
	require.NoError(t, err)
	sidecar, err := actors.Dial(address, "")
	require.NoError(t, err)
	defer func() { _ = sidecar.Close() }()

	var mu sync.Mutex
	received := map[string]int{}
	host := impostor.NewHost(sidecar, slog.Default(), func(_, method string, command []byte) {
		assert.NotContains(t, string(command), "Green tea", "the impostor can read a command")
		mu.Lock()
		defer mu.Unlock()
		received[method]++
	})
	hosting, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = host.Run(hosting)
	}()
	defer func() { stop(); <-ended }()
	await(t, "the impostor hosts orders", host.Ready)

	c := customer(t)
	var created, cancelled []string
	count := func(method string) int {
		mu.Lock()
		defer mu.Unlock()
		return received[method]
	}
	for i := 0; i < 200 && (count("create") < 5 || len(created) < 10); i++ {
		switch got := c.create(t); got.Status {
		case http.StatusCreated:
			created = append(created, parse[api.Order](t, got.Body).ID)
		default:
			require.Equal(t, http.StatusServiceUnavailable, got.Status, "%s", got.Body)
		}
	}
	require.GreaterOrEqual(t, count("create"), 5, "precondition: placement assigns orders to the impostor")
	for _, id := range created {
		assert.Equal(t, id, c.get(t, id).ID, "an acknowledged create is in the order database")
		switch got := c.cancel(t, id); got.Status {
		case http.StatusOK:
			cancelled = append(cancelled, id)
			assert.Equal(t, api.StatusCancelled, c.get(t, id).Status, "%s", got.Body)
		case http.StatusServiceUnavailable, http.StatusConflict:
		default:
			assert.Fail(t, "unexpected answer", "%d %s", got.Status, got.Body)
		}
	}

	// Without the impostor every acknowledged order becomes final.
	stop()
	<-ended
	require.NoError(t, shared.Stop(impostorApp+".sidecar"))
	for _, id := range created {
		c.await(t, id, "final", final)
	}
	for _, id := range cancelled {
		assert.Equal(t, api.StatusCancelled, c.get(t, id).Status, "an acknowledged cancel stays in effect")
	}
}

// reminder calls the reminder API for an order. Dapr allows this to every app that hosts the actor type.
func reminder(t *testing.T, method, id, name, body string) int {
	t.Helper()
	url := shared.Part(stack.OrdersActor+".sidecar").URL + "/v1.0/actors/Order/" + id + "/reminders/" + name
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	status, answer := do(t, plain, withSidecarToken(req))
	require.Contains(t, []int{http.StatusOK, http.StatusNoContent, http.StatusNotFound}, status, "%s", answer)
	return status
}

// register registers a reminder that fires every second without end.
func register(t *testing.T, id, name string) {
	t.Helper()
	require.Equal(t, http.StatusNoContent, reminder(t, http.MethodPost, id, name, `{"dueTime":"1s","period":"1s"}`))
}

func exists(t *testing.T, id, name string) bool {
	t.Helper()
	return reminder(t, http.MethodGet, id, name, "") == http.StatusOK
}

// Any app in the namespace can register reminders for orders, even under the name of our own reminder.
func TestRemindersOfOtherAppsAreRemoved(t *testing.T) {
	c := customer(t)
	done := c.await(t, c.created(t).ID, "final", final)
	unknown := uuid.NewString()
	all := [][2]string{{done.ID, "deliver"}, {done.ID, "foreign"}, {unknown, "deliver"}, {unknown, "foreign"}, {"odd", "deliver"}}
	for _, p := range all {
		register(t, p[0], p[1])
		require.True(t, exists(t, p[0], p[1]), "precondition: the reminder is registered")
	}
	for _, p := range all {
		await(t, "the removal of "+p[1]+" of "+p[0], func() bool { return !exists(t, p[0], p[1]) })
	}
	assert.Equal(t, done, c.get(t, done.ID))

	pending := c.created(t) // our reminder replaces the foreign one
	register(t, pending.ID, "deliver")
	c.await(t, pending.ID, "final", final)
	await(t, "the removal of the reminder of an order that has become final", func() bool { return !exists(t, pending.ID, "deliver") })
}
