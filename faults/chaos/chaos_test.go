package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/faults/history"
	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/stack"
)

func TestASeedDecidesThePlan(t *testing.T) {
	for _, setup := range []Setup{SQLite, Postgres} {
		plan := makePlan(7, 40, setup, false)
		assert.Equal(t, plan, makePlan(7, 40, setup, false))
		assert.NotEqual(t, plan, makePlan(8, 40, setup, false))
		assert.Len(t, plan, 40)
		assert.Len(t, makePlan(7, 3, setup, false), 3)

		struck := map[string]bool{}
		for _, f := range plan {
			struck[string(f.what)] = true
			for _, part := range f.parts {
				struck[part] = true
			}
			assert.Positive(t, f.lasts)
			if len(f.parts) == 2 {
				assert.NotEqual(t, f.parts[0], f.parts[1])
			}
		}
		for _, want := range []string{
			"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement",
			string(killed), string(stopped), string(slowly), string(failing),
		} {
			assert.True(t, struck[want], "%s: %s", setup, want)
		}
		for _, want := range []string{"orders-actor-2", "orders-actor-2.sidecar", string(database)} {
			assert.Equal(t, setup == Postgres, struck[want], "%s: %s", setup, want)
		}
	}
}

func TestTheReportTellsWhatWasTriedAndWhatBroke(t *testing.T) {
	p := Report{
		Options: Options{Setup: Postgres, Orders: 10, Faults: 2, Seed: 3}, Began: time.Unix(0, 0),
		Plan:   []fault{{what: killed, parts: []string{"scheduler", "placement"}, lasts: time.Second}, {what: database, lasts: time.Second}},
		Breaks: []history.Break{{Invariant: history.CancelKept, Order: "x", Detail: "it was delivered", Story: "  order x\n"}},

		Outside: 7, Violations: []string{"GET /v1/orders: 418"}, Conflicts: []string{"conflict: the order database holds version 2"},
	}
	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	for _, want := range []string{
		"make chaos SETUP=postgres ORDERS=10 FAULTS=2 SEED=3", "1. scheduler and placement killed for 1s",
		"2. PostgreSQL killed for 1s", "**1 promises were broken**", "it was delivered", "order x",
		"| replies outside of the contract | 7 |", "GET /v1/orders: 418",
		"| turns that the view decided against | 1 |", "conflict: the order database holds version 2",
	} {
		assert.Contains(t, out.String(), want)
	}
	require.EqualError(t, p.Err(), "1 promises were broken")
	p.Breaks = nil
	require.EqualError(t, p.Err(), "7 replies were outside of the contract")
	p.Outside = 0
	require.NoError(t, p.Err())
}

// Whatever a client asks, a reply outside of the contract is counted, and told when it is among the first.
func TestRepliesAreHeldToTheContract(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	a := newAPI([]string{server.URL})
	defer a.close()
	for range 2 * maxViolations {
		assert.Equal(t, http.StatusBadGateway, a.send(t.Context(), request{method: http.MethodGet, path: "/v1/orders"}).status)
	}
	assert.Equal(t, 2*maxViolations, a.outside)
	require.Len(t, a.violations, maxViolations)
	assert.Contains(t, a.violations[0], "502 Bad Gateway")
}

// realThing skips where nothing big shall be started.
func realThing(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the whole product")
	}
}

// progress writes a run's progress to the test's log.
type progress struct{ t *testing.T }

func (p progress) Write(line []byte) (int, error) {
	p.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

func TestNothingIsLostOnSQLite(t *testing.T) {
	realThing(t)
	short(t, Options{Setup: SQLite, Orders: 80, Faults: 7, Seed: 1})
}

func TestNothingIsLostWithTwoReplicas(t *testing.T) {
	realThing(t)
	short(t, Options{Setup: Postgres, Orders: 80, Faults: 8, Seed: 2})
}

func short(t *testing.T, o Options) {
	t.Helper()
	o.Short, o.Out = true, progress{t}
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, report.Write(&text))
	t.Log(text.String())
	require.NoError(t, report.Err())
	assert.GreaterOrEqual(t, report.Made, o.Orders/2, "customers got their orders in spite of the faults")
}

// TestARollingRestartLosesNothing stops each replica in order under load: whoever is turned away gets through with one
// retry at the other replica, a create under the same key.
func TestARollingRestartLosesNothing(t *testing.T) {
	realThing(t)
	postgres := pgtest.Start(t)
	s, a := serve(t, stack.Options{Replicas: 2, Postgres: postgres.DSN()}, nil)
	recorder := &history.Recorder{}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var lost atomic.Int32
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				lost.Add(shop(t, a, recorder, i, n))
			}
		})
	}
	for _, part := range []string{"orders-actor", "orders-actor-2"} {
		sleep(ctx, 2*time.Second)
		require.NoError(t, s.Stop(part))
		sleep(ctx, 2*time.Second)
		require.NoError(t, s.Start(part))
		require.NoError(t, s.WaitReady(ctx))
	}
	stop()
	clients.Wait()
	assert.Zero(t, lost.Load(), "calls that one retry did not bring through")

	r := &run{Options: Options{Out: progress{t}}, stack: s, api: a, stores: stores{dsn: postgres.DSN()}}
	require.NoError(t, r.settle(t.Context()))
	w, err := r.world(t.Context(), "")
	require.NoError(t, err)
	w.Feed = nil // it began before the test looked
	assert.Greater(t, len(w.Orders), 8, "there was load")
	assert.Empty(t, history.Check(recorder.History(), w))
}

// shop creates an order, looks at it, and cancels every third one. It returns how many of these calls were lost: tried at
// one replica and once more at the other, in vain.
func shop(t *testing.T, a *api, recorder *history.Recorder, client, n int) (lost int32) {
	t.Helper()
	call := func(c history.Call, how func(history.Call) request) history.Call {
		var last reply
		first := rand.IntN(len(a.urls))
		for try := range 2 {
			c.Sent = time.Now()
			last = a.sendTo(context.WithoutCancel(t.Context()), a.urls[(first+try)%len(a.urls)], how(c))
			done := last.record(c, time.Now())
			recorder.Call(done)
			if !last.unsure() {
				return done
			}
		}
		lost++
		t.Logf("%s %s%s: status %d %s", c.Op, c.Key, c.Order, last.status, last.body)
		return c
	}
	made := call(history.Call{
		Op: history.Create, Client: fmt.Sprintf("customer-%d", client), Key: fmt.Sprintf("key-%d-%d", client, n), Currency: "EUR",
		Items: []order.Item{{SKU: fmt.Sprintf("sku-%d-%d", client, n), Name: "Tea", Quantity: 1, UnitPrice: 100}},
	}, create)
	if made.Order == "" {
		return lost
	}
	about := history.Call{Client: made.Client, Order: made.Order, Op: history.Read}
	call(about, read)
	if n%3 == 0 {
		about.Op = history.Cancel
		call(about, cancel)
	}
	return lost
}

// TestOverloadIsRefusedAndPasses sends far more at once than the service takes.
func TestOverloadIsRefusedAndPasses(t *testing.T) {
	realThing(t)
	s, a := serve(t, stack.Options{}, map[string]string{"MAX_IN_FLIGHT": "8"})
	before := memory(t, s.PID("orders-actor"))

	var crowd sync.WaitGroup
	var served, refused atomic.Int32
	recorder := &history.Recorder{}
	for i := range 100 {
		crowd.Go(func() {
			for n := range 10 {
				c := history.Call{
					Op: history.Create, Client: "customer-1", Currency: "EUR", Sent: time.Now(),
					Items: []order.Item{{SKU: fmt.Sprintf("sku-%d-%d", i, n), Name: "Tea", Quantity: 1, UnitPrice: 100}},
				}
				got := a.send(t.Context(), create(c))
				recorder.Call(got.record(c, time.Now()))
				switch got.status {
				case http.StatusCreated:
					served.Add(1)
				case http.StatusServiceUnavailable:
					refused.Add(1)
					_, err := strconv.Atoi(got.headers.Get("Retry-After"))
					assert.NoError(t, err, "Retry-After is in seconds")
				}
			}
		})
	}
	crowd.Wait()
	t.Logf("%d served, %d refused", served.Load(), refused.Load())
	assert.Positive(t, served.Load(), "it works as hard as it can")
	assert.Positive(t, refused.Load(), "it refuses what is too much")

	again := history.Call{
		Op: history.Create, Client: "customer-1", Currency: "EUR",
		Items: []order.Item{{SKU: "afterwards", Name: "Tea", Quantity: 1, UnitPrice: 100}},
	}
	assert.Eventually(t, func() bool { return a.send(t.Context(), create(again)).status == http.StatusCreated },
		time.Minute, 100*time.Millisecond, "it recovers by itself")
	assert.Less(t, memory(t, s.PID("orders-actor"))-before, 256, "MB more than before")

	r := &run{Options: Options{Out: progress{t}}, stack: s, api: a, stores: stores{home: s.Home()}}
	require.NoError(t, r.settle(t.Context()))
	states, err := r.stores.actors(t.Context())
	require.NoError(t, err)
	for _, c := range recorder.History().Calls {
		if c.Acknowledged() {
			assert.Contains(t, states, c.Order, "an acknowledged create is there")
		}
	}
}

// serve starts the product for a test.
func serve(t *testing.T, o stack.Options, settings map[string]string) (*stack.Stack, *api) {
	t.Helper()
	env := map[string]string{"DELIVER_AFTER": "2s", "RATE_LIMIT": "0"}
	for name, value := range settings {
		env[name] = value
	}
	o.Home, o.FreePorts, o.Stdout = t.TempDir(), true, progress{t}
	o.Env = map[string]map[string]string{stack.OrdersActor: env}
	s, err := stack.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	a := newAPI(s.URLs())
	t.Cleanup(func() {
		a.close()
		assert.Empty(t, a.violations, "replies outside of the contract")
	})
	for i := range 4 { // not under load: the gate would turn these away too
		_, err := a.token(t.Context(), fmt.Sprintf("customer-%d", i), false)
		require.NoError(t, err)
	}
	_, err = a.token(t.Context(), "boss", true)
	require.NoError(t, err)
	return s, a
}

// memory is what a process holds, in MB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize() >> 20
}
