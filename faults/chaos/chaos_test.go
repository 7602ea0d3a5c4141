package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/client"
	"orders/faults/history"
	"orders/faults/stores"
	"orders/orders-actor/order"
	"orders/stack"
)

func TestSeedDeterminesPlan(t *testing.T) {
	for _, setup := range []Setup{SQLite, Postgres} {
		plan := makePlan(7, 40, setup, false)
		assert.Equal(t, plan, makePlan(7, 40, setup, false))
		assert.NotEqual(t, plan, makePlan(8, 40, setup, false))
		assert.Len(t, plan, 40)
		assert.Len(t, makePlan(7, 3, setup, false), 3)

		planned := map[string]bool{}
		for _, f := range plan {
			planned[string(f.kind)] = true
			for _, part := range f.parts {
				planned[part] = true
			}
			assert.Positive(t, f.duration)
			if len(f.parts) == 2 {
				assert.NotEqual(t, f.parts[0], f.parts[1])
			}
		}
		for _, want := range []string{
			"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement",
			string(killed), string(stopped), string(slow), string(failing),
		} {
			assert.True(t, planned[want], "%s: %s", setup, want)
		}
		for _, want := range []string{"orders-actor-2", "orders-actor-2.sidecar", string(database)} {
			assert.Equal(t, setup == Postgres, planned[want], "%s: %s", setup, want)
		}
	}
}

func TestReportContainsPlanAndViolations(t *testing.T) {
	p := Report{
		Options: Options{Setup: Postgres, Orders: 10, Faults: 2, Seed: 3}, Began: time.Unix(0, 0),
		Plan:       []fault{{kind: killed, parts: []string{"scheduler", "placement"}, duration: time.Second}, {kind: database, duration: time.Second}},
		Violations: []history.Violation{{Invariant: history.CancelKept, Order: "x", Detail: "it was delivered", Trace: "  order x\n"}},

		InvalidReplies: 7, ContractErrors: []string{"GET /v1/orders: 418"}, Conflicts: []string{conflictText + " version 2"},
	}
	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	for _, want := range []string{
		"make chaos SETUP=postgres ORDERS=10 FAULTS=2 SEED=3", "1. scheduler and placement killed for 1s",
		"2. PostgreSQL killed for 1s", "**1 violations of invariants**", "it was delivered", "order x",
		"| replies that violate the contract | 7 |", "GET /v1/orders: 418",
		"| conflicts between two hosts | 1 |", conflictText + " version 2",
	} {
		assert.Contains(t, out.String(), want)
	}
	require.EqualError(t, p.Err(), "1 violations of invariants")
	p.Violations = nil
	require.EqualError(t, p.Err(), "7 replies violate the contract")
	p.InvalidReplies = 0
	require.NoError(t, p.Err())
}

func TestConflictsAreFoundInLogs(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "logs"), 0o700))
	conflict := fmt.Sprintf("level=WARN msg=\"turn failed\" error=%q\n", &order.Conflict{})
	require.NoError(t, os.WriteFile(filepath.Join(home, "logs", "orders-actor-2.log"), []byte("ready\n"+conflict), 0o600))
	lines, err := conflicts(home)
	require.NoError(t, err)
	assert.Equal(t, []string{"orders-actor-2.log: " + strings.TrimSpace(conflict)}, lines)
}

// All replies that violate the contract are counted, and the first ones are described.
func TestRepliesAreCheckedAgainstContract(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	s := newService([]string{server.URL})
	defer s.close()
	for range 2 * maxContractErrors {
		reply := s.send(t.Context(), request{"", func(ctx context.Context, c *client.Client) (*http.Response, error) {
			return c.ListOrders(ctx, nil)
		}})
		assert.Equal(t, http.StatusBadGateway, reply.Status)
	}
	assert.Equal(t, 2*maxContractErrors, s.invalid)
	require.Len(t, s.contractErrors, maxContractErrors)
	assert.Contains(t, s.contractErrors[0], "502 Bad Gateway")
}

// skipIfShort skips tests that start the whole product.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the whole product")
	}
}

// progress writes progress messages to the test's log.
type progress struct{ t *testing.T }

func (p progress) Write(line []byte) (int, error) {
	p.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

func TestInvariantsHoldOnSQLite(t *testing.T) {
	skipIfShort(t)
	short(t, Options{Setup: SQLite, Orders: 80, Faults: 7, Seed: 1})
}

func TestInvariantsHoldWithTwoReplicas(t *testing.T) {
	skipIfShort(t)
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
	assert.GreaterOrEqual(t, report.Created, o.Orders/2, "orders are created in spite of the faults")
}

// It sends far more requests at once than the service accepts.
func TestOverloadIsRejectedWithRetryAfter(t *testing.T) {
	skipIfShort(t)
	s, svc := start(t, stack.Options{}, map[string]string{"MAX_IN_FLIGHT": "8"})
	before := memory(t, s.Part("orders-actor").PID())

	var clients sync.WaitGroup
	var served, rejected atomic.Int32
	recorder := &history.Recorder{}
	for i := range 100 {
		clients.Go(func() {
			for n := range 10 {
				c := history.Call{
					Op: history.Create, Client: "customer-1", Currency: "EUR", Sent: time.Now(),
					Items: []order.Item{{SKU: fmt.Sprintf("sku-%d-%d", i, n), Name: "Tea", Quantity: 1, UnitPrice: 100}},
				}
				reply := svc.send(t.Context(), create(c))
				recorder.Call(record(c, reply, time.Now()))
				switch reply.Status {
				case http.StatusCreated:
					served.Add(1)
				case http.StatusServiceUnavailable:
					rejected.Add(1)
					_, err := strconv.Atoi(reply.Header.Get("Retry-After"))
					assert.NoError(t, err, "Retry-After is in seconds")
				}
			}
		})
	}
	clients.Wait()
	t.Logf("%d served, %d rejected", served.Load(), rejected.Load())
	assert.Positive(t, served.Load(), "some requests are served")
	assert.Positive(t, rejected.Load(), "some requests are rejected")

	again := history.Call{
		Op: history.Create, Client: "customer-1", Currency: "EUR",
		Items: []order.Item{{SKU: "afterwards", Name: "Tea", Quantity: 1, UnitPrice: 100}},
	}
	assert.Eventually(t, func() bool { return svc.send(t.Context(), create(again)).Status == http.StatusCreated },
		time.Minute, 100*time.Millisecond, "the service recovers")
	assert.Less(t, memory(t, s.Part("orders-actor").PID())-before, 256, "MB more than before")

	r := &run{Options: Options{Out: progress{t}}, stack: s, service: svc, stores: stores.Reader{Home: s.Home(), Send: svc.as(operator)}}
	require.NoError(t, r.settle(t.Context()))
	states, err := r.stores.Actors(t.Context())
	require.NoError(t, err)
	for _, c := range recorder.History().Calls {
		if c.Acknowledged() {
			assert.Contains(t, states, c.Order, "an acknowledged create is stored")
		}
	}
}

// start starts the product for a test.
func start(t *testing.T, o stack.Options, settings map[string]string) (*stack.Stack, *service) {
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
	svc := newService(s.URLs())
	t.Cleanup(func() {
		svc.close()
		assert.Empty(t, svc.contractErrors, "replies that violate the contract")
	})
	for i := range 4 { // before the load, which would cause these requests to be rejected too
		_, err := svc.token(t.Context(), fmt.Sprintf("customer-%d", i))
		require.NoError(t, err)
	}
	_, err = svc.token(t.Context(), operator)
	require.NoError(t, err)
	return s, svc
}

// memory returns the resident memory of a process, in MB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize() >> 20
}
