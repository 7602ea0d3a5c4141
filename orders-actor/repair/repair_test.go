package repair_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/payments"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/repair"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newOrder(t *testing.T) order.State {
	t.Helper()
	s, err := order.New(order.Create{
		ID: uuid.NewString(), Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, noon)
	require.NoError(t, err)
	return s
}

func settled(t *testing.T, confirmed bool) order.State {
	t.Helper()
	reason := "refused"
	if confirmed {
		reason = ""
	}
	s, changed := newOrder(t).Settle(order.Settle{Confirmed: confirmed, Reason: reason}, noon.Add(time.Second), time.Hour)
	require.True(t, changed)
	return s
}

func cancelled(t *testing.T, s order.State, voided bool) order.State {
	t.Helper()
	s, _, err := s.Cancel(order.Cancel{By: order.ByOperator}, noon.Add(time.Minute))
	require.NoError(t, err)
	if voided {
		s, _ = s.Voided()
	}
	return s
}

func TestWritePaymentsTellsWhatEachOrderKnows(t *testing.T) {
	delivered, changed := settled(t, true).Deliver(noon.Add(2 * time.Hour))
	require.True(t, changed)
	at := noon.Add(time.Second)
	for name, test := range map[string]struct {
		state order.State
		want  payments.Record
	}{
		"created":                       {newOrder(t), payments.Record{Status: payments.Undecided}},
		"confirmed":                     {settled(t, true), payments.Record{Status: payments.Confirmed, DecidedAt: at}},
		"delivered":                     {delivered, payments.Record{Status: payments.Confirmed, DecidedAt: at}},
		"declined":                      {settled(t, false), payments.Record{Status: payments.Declined, Reason: "refused", DecidedAt: at}},
		"cancelled before the decision": {cancelled(t, newOrder(t), true), payments.Record{Status: payments.Voided}},
		"cancelled before the decision, void pending": {cancelled(t, newOrder(t), false), payments.Record{Status: payments.Voided}},
		"cancelled after the charge":                  {cancelled(t, settled(t, true), true), payments.Record{Status: payments.Voided, Charged: true, DecidedAt: at}},
		"cancelled after the charge, void pending":    {cancelled(t, settled(t, true), false), payments.Record{Status: payments.Confirmed, Charged: true, DecidedAt: at}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "statestore.db")
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			defer db.Close()
			exec := func(query string, args ...any) {
				_, err := db.ExecContext(t.Context(), query, args...)
				require.NoError(t, err)
			}
			exec(`CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL)`)
			put := func(key, value string) {
				exec(`INSERT INTO state VALUES ($1, $2, false, '')`, "orders-actor||"+key, value)
			}
			state, err := json.Marshal(test.state)
			require.NoError(t, err)
			put("Order||"+test.state.ID+"||order", string(state))
			put("order-database", `{"id":"x"}`)
			store, err := actorstore.Open(path)
			require.NoError(t, err)
			defer store.Close()

			var out bytes.Buffer
			require.NoError(t, repair.WritePayments(t.Context(), store, &out, slog.New(slog.DiscardHandler)))
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			require.Len(t, lines, 3)
			assert.JSONEq(t, `{"ledger":""}`, lines[0])
			var line payments.Line
			require.NoError(t, json.Unmarshal([]byte(lines[1]), &line))
			want := test.want
			want.OrderID, want.Amount, want.Currency, want.CreatedAt = test.state.ID, 900, "EUR", noon
			assert.Equal(t, want, *line.Record)
			assert.JSONEq(t, `{"orders":1}`, lines[2])

			put("Order||x||order", "{}") // unreadable: the last line is missing, so the file is incomplete
			out.Reset()
			require.ErrorContains(t, repair.WritePayments(t.Context(), store, &out, slog.New(slog.DiscardHandler)), "1 states")
			assert.Len(t, strings.Split(strings.TrimSpace(out.String()), "\n"), 2)
		})
	}
}

// orders fails the first calls for one order, and all calls for another one.
type orders struct {
	mu      sync.Mutex
	resumed []string
	fail    map[string]int
}

func (o *orders) Resume(_ context.Context, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail[id] > 0 {
		o.fail[id]--
		return errors.New("placement is moving the order")
	}
	o.resumed = append(o.resumed, id)
	return nil
}

func TestRearmResumesConfirmedOrders(t *testing.T) {
	db, err := orderdb.Open(t.Context(), filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var want []string
	for range 40 {
		s := settled(t, true)
		want = append(want, s.ID)
		require.NoError(t, db.Put(t.Context(), s))
	}
	for _, s := range []order.State{newOrder(t), settled(t, false), cancelled(t, settled(t, true), true)} {
		require.NoError(t, db.Put(t.Context(), s))
	}
	slices.Sort(want)
	rearm := func(fail map[string]int) ([]string, error) {
		o := &orders{fail: fail}
		err := repair.Rearm(t.Context(), db, o, slog.New(slog.DiscardHandler))
		slices.Sort(o.resumed)
		return o.resumed, err
	}
	got, err := rearm(nil)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = rearm(map[string]int{want[0]: 1})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = rearm(map[string]int{want[0]: 1000})
	require.ErrorContains(t, err, "1 orders cannot be resumed")
	assert.Equal(t, want[1:], got, "the others are resumed")
}
