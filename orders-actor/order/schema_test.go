package order_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

// testdata/states has the same orders as each release stored them. The name of a file begins with its schema. Files of past
// releases must not change.
const (
	goldenStates  = "testdata/states"
	currentStates = "2-2026-11-30-users.json"
)

var update = flag.Bool("update", false, "write "+currentStates)

var ordered = time.Date(2026, 11, 24, 9, 30, 0, 120e6, time.UTC)

// goldenOrders returns the orders of the golden files as this release stores them.
func goldenOrders(t *testing.T) map[string]order.State {
	t.Helper()
	olivia := order.Auth{User: "olivia", Role: "operator"}
	create := func(id string, by order.Auth) order.State {
		s, err := order.New(order.Create{
			ID: id, Auth: by, Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}, Currency: "EUR",
			Fingerprint: "0f1e2d3c", Call: "CREATECALL", Origin: createOrigin, Trace: "00-" + createOrigin.TraceID + "-00f067aa0ba902b7-01",
		}, ordered)
		require.NoError(t, err)
		return s
	}
	numbered := func(n string) string { return "0193630d-6c78-7b0a-8a1e-00000000000" + n }
	settle := func(s order.State, confirmed bool) order.State {
		c := order.Settle{ID: s.ID, Confirmed: confirmed, Attempts: 1}
		if !confirmed {
			c.Reason = "insufficient funds"
		}
		next, ok := s.Settle(c, ordered.Add(400*time.Millisecond), 10*time.Second)
		require.True(t, ok)
		return next
	}
	cancel := func(s order.State, by order.Auth, reason string) order.State {
		c := order.Cancel{ID: s.ID, User: by.User, By: order.Party(by.Role), Reason: reason, Call: "CANCELCALL", Origin: cancelOrigin}
		next, ok, err := s.Cancel(c, ordered.Add(5*time.Second))
		require.NoError(t, err)
		require.True(t, ok)
		return next
	}
	delivered, ok := settle(create(numbered("3"), olivia), true).Deliver(ordered.Add(11 * time.Second))
	require.True(t, ok)
	voided, ok := cancel(create(numbered("7"), alice), alice, "").Voided()
	require.True(t, ok)
	failing, ok := create(numbered("8"), alice).PaymentFailed(
		order.PaymentFailed{Attempts: 3, Error: "the payment service is unavailable"}, ordered.Add(2*time.Second))
	require.True(t, ok)
	return map[string]order.State{
		"created":                   create(numbered("1"), alice),
		"confirmed":                 settle(create(numbered("2"), alice), true),
		"delivered":                 delivered,
		"declined":                  settle(create(numbered("4"), alice), false),
		"cancelled by its customer": cancel(create(numbered("5"), alice), alice, "ordered twice"),
		"cancelled by an operator":  cancel(settle(create(numbered("6"), alice), true), olivia, ""),
		"voided":                    voided,
		"payment failing":           failing,
		"with an idempotency key":   create(order.KeyedID("alice", "key-1"), alice),
	}
}

func readGolden(t *testing.T, name string) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldenStates, name))
	require.NoError(t, err)
	var states map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &states))
	return states
}

func TestStatesOfThisReleaseAreGolden(t *testing.T) {
	states := goldenOrders(t)
	if *update {
		var text strings.Builder
		for i, name := range slices.Sorted(maps.Keys(states)) {
			data, err := json.Marshal(states[name])
			require.NoError(t, err)
			text.WriteString([]string{"{\n", ",\n"}[min(i, 1)] + `  "` + name + `": ` + string(data))
		}
		require.NoError(t, os.WriteFile(filepath.Join(goldenStates, currentStates), []byte(text.String()+"\n}\n"), 0o644))
	}
	golden := readGolden(t, currentStates)
	require.Len(t, states, len(golden))
	for name, want := range golden {
		got, err := json.Marshal(states[name])
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "the stored form of an order has changed: see CONTRIBUTING.md")
	}
}

// Each state of a past release is the same version of the order as the one of this release, and stays the same through each
// command.
func TestStatesOfEachReleaseContinue(t *testing.T) {
	files, err := os.ReadDir(goldenStates)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 4)
	current := goldenOrders(t)
	for _, file := range files {
		for name, data := range readGolden(t, file.Name()) {
			t.Run(file.Name()+"/"+name, func(t *testing.T) {
				var s order.State
				require.NoError(t, json.Unmarshal(data, &s))
				require.Equal(t, order.Schema, s.Schema)
				requireSameVersion(t, current[name], s)
				assert.Equal(t, s.Customer, s.History[0].User)
				for command, run := range commands {
					mine, did := run(t, current[name])
					its, itsDid := run(t, s)
					require.Equal(t, did, itsDid, command)
					requireSameVersion(t, mine, its)
					require.Equal(t, mine.VoidPending, its.VoidPending, command)
					require.Equal(t, mine.Payment.Attempts, its.Payment.Attempts, command)
				}
			})
		}
	}
}

func requireSameVersion(t *testing.T, a, b order.State) {
	t.Helper()
	same, err := order.SameVersion(a, b)
	require.NoError(t, err)
	require.True(t, same, "%+v\n%+v", a, b)
}

// commands run one command each, and return what is compared besides the state.
var commands = map[string]func(*testing.T, order.State) (order.State, any){
	"create again": func(_ *testing.T, s order.State) (order.State, any) {
		replayed, err := s.CheckReplay(order.Create{Auth: s.Auth, Fingerprint: s.Fingerprint, Call: "ANOTHER"})
		return s, []any{replayed, err}
	},
	"settle": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok := s.Settle(order.Settle{Confirmed: true, Attempts: 5}, ordered.Add(time.Minute), deliverAfter)
		return next, ok
	},
	"decline": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok := s.Settle(order.Settle{Reason: "no funds", Attempts: 5}, ordered.Add(time.Minute), deliverAfter)
		return next, ok
	},
	"payment failed": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok := s.PaymentFailed(order.PaymentFailed{Attempts: 5, Error: "no answer"}, ordered.Add(time.Minute))
		return next, ok
	},
	"cancel": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok, err := s.Cancel(order.Cancel{User: "alice", By: order.ByCustomer, Reason: "late", Call: "ANOTHER"}, ordered.Add(time.Minute))
		return next, []any{ok, err}
	},
	"cancel by an operator": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok, err := s.Cancel(order.Cancel{User: "olga", By: order.ByOperator, Origin: cancelOrigin}, ordered.Add(time.Minute))
		return next, []any{ok, err}
	},
	"deliver": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok := s.Deliver(ordered.Add(time.Minute))
		return next, ok
	},
	"voided": func(_ *testing.T, s order.State) (order.State, any) {
		next, ok := s.Voided()
		return next, ok
	},
}

func TestUsersFollowFromStatesWithoutThem(t *testing.T) {
	states := readGolden(t, "1-2026-11-24.json")
	for name, want := range map[string][]string{
		"cancelled by its customer": {"alice", "alice"}, "cancelled by an operator": {"alice", "", ""}, "delivered": {"olivia", "", ""},
	} {
		var s order.State
		require.NoError(t, json.Unmarshal(states[name], &s))
		var users []string
		for _, e := range s.History {
			users = append(users, e.User)
		}
		assert.Equal(t, want, users, name)
	}
}

func TestStatesOfNewerReleasesAreRefused(t *testing.T) {
	for name, data := range map[string]string{
		"new field":          `{"schema":3,"id":"42","version":2,"courier":"north"}`,
		"field of new type":  `{"schema":3,"id":"42","version":"two"}`,
		"schema at the end":  `{"id":"42","items":{},"schema":3}`,
		"schema much higher": `{"id":"42","schema":1000}`,
	} {
		var s order.State
		err := json.Unmarshal([]byte(data), &s)
		require.ErrorIs(t, err, order.ErrNewerSchema, name)
		assert.Contains(t, err.Error(), "order 42 has schema ", name)
	}
	var s order.State
	require.NoError(t, json.Unmarshal([]byte(`{"schema":2,"id":"42","courier":"north"}`), &s), "a new field without a new schema")
	require.Error(t, json.Unmarshal([]byte(`{"schema":2,"id":42}`), &s))
}

func TestSameVersionIgnoresOnlyWhatAnOlderReleaseDrops(t *testing.T) {
	s := goldenOrders(t)["cancelled by an operator"]
	for name, c := range map[string]struct {
		change func(*order.State)
		same   bool
	}{
		"nothing": {func(*order.State) {}, true},
		"stored by release 1": {func(s *order.State) {
			s.Schema, s.CreateCall, s.CancelCall, s.Trace = 0, "", "", ""
			for i := range s.History {
				s.History[i].User, s.History[i].Origin = "", order.Origin{}
			}
		}, true},
		"notes":               {func(s *order.State) { s.VoidPending, s.Payment.LastError, s.Payment.LastErrorAt = false, "x", noon }, true},
		"another user":        {func(s *order.State) { s.History[2].User = "otto" }, false},
		"another request":     {func(s *order.State) { s.History[2].RequestID = "request-3" }, false},
		"another trace":       {func(s *order.State) { s.History[0].TraceID = cancelOrigin.TraceID }, false},
		"another call":        {func(s *order.State) { s.CancelCall = "OTHER" }, false},
		"another time":        {func(s *order.State) { s.History[2].At = noon }, false},
		"another reason":      {func(s *order.State) { s.Cancellation.Reason = "no stock" }, false},
		"longer history":      {func(s *order.State) { s.History = append(s.History, s.History[2]) }, false},
		"another status":      {func(s *order.State) { s.Status = order.Delivered }, false},
		"another fingerprint": {func(s *order.State) { s.Fingerprint = "f" }, false},
	} {
		other := s.Clone()
		c.change(&other)
		for _, pair := range [][2]order.State{{s, other}, {other, s}} {
			same, err := order.SameVersion(pair[0], pair[1])
			require.NoError(t, err)
			assert.Equal(t, c.same, same, name)
		}
	}
	assert.Equal(t, goldenOrders(t)["cancelled by an operator"], s, "the states are not changed")
}
