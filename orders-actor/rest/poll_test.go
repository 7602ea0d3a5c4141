package rest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/orders-actor/order"
)

func TestFeedLongPollReturnsOnOwnEvent(t *testing.T) {
	s := start(t)
	empty := read[api.Events](t, s.call("alice", "GET", "/v1/orders/events", ""))
	require.Empty(t, empty.Events)
	assert.NotNil(t, empty.Events)

	waiting := make(chan answer)
	go func() {
		waiting <- s.call("alice", "GET", "/v1/orders/events?after="+empty.Next, "", "Prefer", "wait=30")
	}()
	s.given("bob") // does not end the poll of alice
	o := s.given("alice")
	a := <-waiting
	assert.Equal(t, "wait=30", a.Header.Get("Preference-Applied"))
	events := read[api.Events](t, a)
	require.Len(t, events.Events, 1)
	assert.Equal(t, o.ID, events.Events[0].Order.ID)

	s.advance(o.ID, confirm)
	s.advance(o.ID, deliver)
	one := read[api.Events](t, s.call("alice", "GET", "/v1/orders/events?limit=1&after="+events.Next, "", "Prefer", "wait=30"))
	require.Len(t, one.Events, 1)
	assert.Equal(t, one.Events[0].Cursor, one.Next)
	rest := read[api.Events](t, s.call("alice", "GET", "/v1/orders/events?after="+one.Next, "", "Prefer", "wait=30"))
	require.Len(t, rest.Events, 1)
	assert.EqualValues(t, "delivered", rest.Events[0].Order.Status)

	unchanged := s.call("alice", "GET", "/v1/orders/events?after="+rest.Next, "", "Prefer", "wait=1")
	assert.Equal(t, "wait=1", unchanged.Header.Get("Preference-Applied"))
	assert.Empty(t, read[api.Events](t, unchanged).Events)
}

func TestOrderLongPollReturnsOnChange(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	for _, c := range []struct {
		path   string
		change func(order.State) (order.State, bool)
		then   string
	}{
		{"/v1/orders/" + o.ID, confirm, `"2"`},
		{"/v1/orders/" + o.ID + "/status", deliver, `"3"`},
	} {
		seen := s.call("alice", "GET", c.path, "").Header.Get("ETag")
		waiting := make(chan answer)
		go func() { waiting <- s.call("alice", "GET", c.path, "", "If-None-Match", seen, "Prefer", "wait=30") }()
		s.given("alice") // a change of another order does not end the poll
		s.advance(o.ID, c.change)
		a := <-waiting
		assert.Equal(t, 200, a.StatusCode)
		assert.Equal(t, "wait=30", a.Header.Get("Preference-Applied"))
		assert.Equal(t, c.then, a.Header.Get("ETag"))
	}
}

func TestOrderLongPollEndsWithoutChange(t *testing.T) {
	s := start(t)
	o := s.given("alice")
	a := s.call("alice", "GET", "/v1/orders/"+o.ID, "", "If-None-Match", `"1"`, "Prefer", "respond-async, wait=1")
	assert.Equal(t, 304, a.StatusCode)
	assert.Equal(t, "wait=1", a.Header.Get("Preference-Applied"))
	a = s.call("alice", "GET", "/v1/orders/"+o.ID, "", "If-None-Match", `"7"`, "Prefer", "wait=30")
	assert.Equal(t, 200, a.StatusCode, "returns at once")
	a = s.call("alice", "GET", "/v1/orders/"+o.ID, "", "Prefer", "wait=soon")
	assert.Equal(t, 200, a.StatusCode)
	assert.Empty(t, a.Header.Get("Preference-Applied"))
	a = s.call("alice", "GET", "/v1/orders/"+o.ID, "", "Prefer", "wait=1")
	assert.Equal(t, 200, a.StatusCode, "waits for a change of the current version")
	assert.Equal(t, "wait=1", a.Header.Get("Preference-Applied"))
	a = s.call("bob", "GET", "/v1/orders/"+o.ID, "", "Prefer", "wait=30")
	assert.Equal(t, 404, a.StatusCode, "does not wait")
}
