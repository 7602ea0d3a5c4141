package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/contract"
	"orders/orders-actor/auth"
	"orders/orders-actor/feed"
	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/payer"
	"orders/orders-actor/rest"
	"orders/orders-actor/rest/operator"
	"orders/orders-actor/rest/webhooks"
	"orders/orders-actor/webhook"
)

// waitLimit ends a test when what it waits for does not happen. No test passes by waiting.
const waitLimit = time.Minute

var tokenKey = []byte("0123456789abcdef0123456789abcdef")

// tea is a valid order.
const tea = `{"items":[{"sku":"tea-1","name":"Green tea","quantity":2,"unitPrice":450}],"currency":"EUR"}`

// server is a server on a port of its own, with a real order database in SQLite and the real domain, but without Dapr.
type server struct {
	testing.TB
	url    string
	client http.Client // checks requests and responses against the contract
	turns  *turns
	db     *orderdb.DB
	dev    *auth.Dev
	stop   func() // stops the server and waits for it
}

func start(t testing.TB, change ...func(*rest.Options)) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db, err := orderdb.Open(ctx, filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	dev, err := auth.NewDev([][]byte{tokenKey}, time.Now)
	require.NoError(t, err)
	s := &server{TB: t, db: db, dev: dev, turns: &turns{db: db, states: map[string]order.State{}}}
	s.client.Transport = contract.Transport{Base: http.DefaultTransport, OnViolation: func(err error) { t.Error(err) }}
	options := rest.Options{
		Commands: s.turns, Reads: db, Verifier: dev, Dev: dev, Log: slog.New(slog.DiscardHandler),
		Operator: operators(s.turns),
	}
	hooks, err := webhook.New(webhook.Config{
		Store: db.Webhooks, Keys: [][]byte{tokenKey}, Data: webhooks.EventData, AllowPrivate: true, Clock: time.Now, Changed: func() {},
	})
	require.NoError(t, err)
	options.Webhooks = webhooks.Handlers{Service: hooks, Store: db.Webhooks}
	for _, c := range change {
		c(&options)
	}
	following := feed.New(eventLog{options.Reads, db}, options.Log)
	options.Feed = following
	serving, err := rest.New(options)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + l.Addr().String()

	var parts sync.WaitGroup
	parts.Go(func() { assert.NoError(t, following.Run(ctx)) })
	parts.Go(func() { assert.NoError(t, serving.Serve(ctx, smallBuffers{l})) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		assert.NoError(t, db.Close())
	})
	t.Cleanup(s.stop)
	return s
}

// eventLog is what the feed reads.
type eventLog struct {
	rest.Reads
	db *orderdb.DB
}

func (l eventLog) Written() <-chan struct{} { return l.db.Written() }

// smallBuffers limits the send buffers of connections, so that writes to a client that does not read block soon.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
}

// turns executes commands as the Order actors do: in the domain, then in the order database.
type turns struct {
	mu     sync.Mutex
	db     *orderdb.DB
	states map[string]order.State
	broken error // returned by all commands if set

	jobs     []order.Job
	reminder bool // one is set for each order
}

func (t *turns) Create(ctx context.Context, c order.Create) (order.Order, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return order.Order{}, false, t.broken
	}
	if s, ok := t.states[c.ID]; ok {
		replayed, err := s.CheckReplay(c)
		return s.Order, replayed, err
	}
	s, err := order.New(c, time.Now())
	if err != nil {
		return order.Order{}, false, err
	}
	return s.Order, false, t.put(ctx, s)
}

func (t *turns) Cancel(ctx context.Context, c order.Cancel) (_ order.Order, changed bool, _ error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return order.Order{}, false, t.broken
	}
	s, ok := t.states[c.ID]
	if !ok {
		return order.Order{}, false, order.NotFound()
	}
	s, changed, err := s.Cancel(c, time.Now())
	if err != nil {
		return order.Order{}, false, err
	}
	return s.Order, changed, t.put(ctx, s)
}

func (t *turns) put(ctx context.Context, s order.State) error {
	t.states[s.ID] = s
	return t.db.Put(ctx, s)
}

// operators returns the handlers of operators, with real parts except for the ledger, which has nothing, and the scheduler.
func operators(t *turns) operator.Handlers {
	return operator.Handlers{
		Inspector: &inspect.Inspector{
			Orders: t, OrderDB: t.db, Ledger: noLedger{}, Reminders: t, Log: slog.New(slog.DiscardHandler), After: attentionAfter, Clock: time.Now,
			Sleep: func(context.Context, time.Duration) {},
		},
		Commands: t, Store: t.db, Minutes: t.db.Minutes, Audits: t.db.Audits, After: attentionAfter, AuditPerMinute: 60,
	}
}

// attentionAfter is longer than any test.
const attentionAfter = time.Hour

type noLedger struct{}

func (noLedger) Find(context.Context, payer.Payment) (r payer.Record, found bool, err error) {
	return r, false, nil
}

func (t *turns) Inspect(_ context.Context, id string) (orderactor.Inspection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.states[id]
	return orderactor.Inspection{Stored: ok, State: s, Host: "a:8080", Jobs: t.jobs}, t.broken
}

func (t *turns) Due(context.Context, string) (due time.Time, set bool, err error) {
	return due, t.reminder, nil
}

func (t *turns) Repair(ctx context.Context, id string, r order.Repair) (order.Order, []order.RepairStep, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.states[id]
	if !ok {
		return order.Order{}, nil, order.NotFound()
	}
	if err := errors.Join(t.broken, s.CheckRepair(r)); err != nil {
		return order.Order{}, nil, err
	}
	t.reminder = true
	return s.Order, []order.RepairStep{order.ReminderSet}, t.db.Put(ctx, s)
}

// advance applies a transition to an order, as the payer and reminders do.
func (s *server) advance(id string, change func(order.State) (order.State, bool)) {
	s.Helper()
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	next, changed := change(s.turns.states[id])
	require.True(s, changed)
	require.NoError(s, s.turns.put(context.Background(), next))
}

func confirm(o order.State) (order.State, bool) {
	return o.Settle(order.Settle{ID: o.ID, Confirmed: true, Attempts: 1}, time.Now(), 0)
}

func deliver(o order.State) (order.State, bool) { return o.Deliver(time.Now().Add(time.Hour)) }

// failCommands makes all commands return err.
func (s *server) failCommands(err error) {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	s.turns.broken = err
}

// given creates an order of a user without HTTP.
func (s *server) given(user string, items ...order.Item) order.Order {
	s.Helper()
	if items == nil {
		items = []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}
	}
	id, err := uuid.NewV7()
	require.NoError(s, err)
	o, _, err := s.turns.Create(context.Background(), order.Create{
		ID: id.String(), Auth: order.Auth{User: user, Role: "customer"}, Items: items, Currency: "EUR",
	})
	require.NoError(s, err)
	return o
}

// stored returns the number of orders.
func (s *server) stored() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.states)
}

// token returns a token of the user; otto is an operator.
func (s *server) token(user string) string {
	s.Helper()
	role := auth.Customer
	if user == "otto" {
		role = auth.Operator
	}
	token, _, err := s.dev.Mint(auth.User{ID: user, Role: role})
	require.NoError(s, err)
	return token
}

// request returns a request of a user, or without a token if user is "". Headers are pairs.
func (s *server) request(user, method, path, body string, headers ...string) *http.Request {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s, err)
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+s.token(user))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

// answer is a response whose body has been read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) problem(t testing.TB) api.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a.body)
	var p api.Problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, a.StatusCode, p.Status)
	return p
}

func read[T any](t testing.TB, a answer) T {
	t.Helper()
	require.Less(t, a.StatusCode, 300, "%s", a.body)
	var v T
	require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	return v
}

func (s *server) do(r *http.Request) answer {
	s.Helper()
	res, err := s.client.Do(r)
	require.NoError(s, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(s, err)
	return answer{res, body}
}

func (s *server) call(user, method, path, body string, headers ...string) answer {
	s.Helper()
	return s.do(s.request(user, method, path, body, headers...))
}
