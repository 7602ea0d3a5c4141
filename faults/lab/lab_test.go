package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// fakeProduct records what the lab does with the product.
type fakeProduct struct {
	mu     sync.Mutex
	did    []string
	onExit map[string]func(error)
	await  func(part string) error
}

func (f *fakeProduct) do(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, what)
	return nil
}

func (f *fakeProduct) Kill(part string) error  { return f.do("kill " + part) }
func (f *fakeProduct) Stop(part string) error  { return f.do("stop " + part) }
func (f *fakeProduct) Start(part string) error { return f.do("start " + part) }

func (f *fakeProduct) Await(_ context.Context, part string) error {
	if f.await != nil {
		return f.await(part)
	}
	return nil
}

func (f *fakeProduct) Set(part string, settings map[string]string) error {
	return f.do("set " + part + " " + settings["PAYMENT_LATENCY"] + " " + settings["PAYMENT_FAILURE_RATE"])
}

func (f *fakeProduct) Supervise(part string, onExit func(error)) error {
	if f.onExit == nil {
		f.onExit = map[string]func(error){}
	}
	f.onExit[part] = onExit
	return nil
}

// fakeStores returns the same stores at each read.
type fakeStores struct {
	stores  func() history.Stores
	settled func() (bool, error)
}

func (f fakeStores) Settled(context.Context) (bool, error) { return f.settled() }

func (f fakeStores) Load(context.Context, string) (history.Stores, error) { return f.stores(), nil }

type fixture struct {
	*httptest.Server
	t       *testing.T
	product *fakeProduct
	lab     *lab
	stores  *fakeStores
}

// start serves a lab with a fake product. Requests that are not for the lab are answered by backend.
func start(t *testing.T, backend http.HandlerFunc) *fixture {
	t.Helper()
	f := &fixture{t: t, product: &fakeProduct{}}
	f.stores = &fakeStores{
		stores:  func() history.Stores { return history.Stores{} },
		settled: func() (bool, error) { return true, nil },
	}
	all, err := newParts(f.product, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f.lab = &lab{parts: all, stores: f.stores, log: slog.New(slog.DiscardHandler)}
	behind := httptest.NewServer(backend)
	t.Cleanup(behind.Close)
	at, err := url.Parse(behind.URL)
	require.NoError(t, err)
	f.Server = httptest.NewServer(f.lab.handler(at))
	t.Cleanup(f.Close)
	return f
}

// send returns the status and the body of an answer. Headers are pairs of name and value; Host sets the host.
func (f *fixture) send(method, path, body string, headers ...string) (int, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.URL+path, strings.NewReader(body))
	require.NoError(f.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return resp.StatusCode, string(text)
}

func (f *fixture) state(part string) Part {
	f.t.Helper()
	status, body := f.send("GET", "/lab/api/parts", "")
	require.Equal(f.t, 200, status)
	var s Status
	require.NoError(f.t, json.Unmarshal([]byte(body), &s))
	for _, p := range s.Parts {
		if p.Name == part {
			return p
		}
	}
	f.t.Fatalf("there is no %s in %s", part, body)
	return Part{}
}

func TestPartsAreKilledAndStarted(t *testing.T) {
	f := start(t, nil)
	assert.Equal(t, Running, f.state("scheduler").State)
	for range 2 { // the second kill changes nothing
		status, _ := f.send("POST", "/lab/api/parts/scheduler/kill", "")
		assert.Equal(t, 200, status)
	}
	assert.Equal(t, Killed, f.state("scheduler").State)
	assert.Equal(t, 1, f.state("scheduler").Kills)

	f.product.await = func(part string) error {
		assert.Equal(t, Starting, f.state(part).State)
		return nil
	}
	status, _ := f.send("POST", "/lab/api/parts/scheduler/start", "")
	assert.Equal(t, 200, status)
	assert.Equal(t, Running, f.state("scheduler").State)
	assert.Equal(t, []string{"kill scheduler", "start scheduler"}, f.product.did)
}

// A sidecar may end because what it needs is down. The lab shows that, and the part can be started again.
func TestPartThatExitsCanBeStarted(t *testing.T) {
	f := start(t, nil)
	f.product.onExit["orders-actor.sidecar"](errors.New("it exited by itself"))
	assert.Equal(t, Exited, f.state("orders-actor.sidecar").State)
	f.send("POST", "/lab/api/parts/orders-actor.sidecar/start", "")
	assert.Equal(t, Running, f.state("orders-actor.sidecar").State)
	assert.Zero(t, f.state("orders-actor.sidecar").Kills)
}

func TestPartKilledWhileItStartsIsKilled(t *testing.T) {
	f := start(t, nil)
	require.NoError(t, f.lab.parts.Kill("placement"))
	f.product.await = func(part string) error {
		require.NoError(t, f.lab.parts.Kill(part))
		return errors.New("it was stopped before it was ready")
	}
	require.NoError(t, f.lab.parts.Start(t.Context(), "placement"))
	assert.Equal(t, Killed, f.state("placement").State)
	assert.Equal(t, 2, f.state("placement").Kills)
}

func TestPaymentsChangeByARestart(t *testing.T) {
	f := start(t, nil)
	for _, mode := range []string{"slow", "slow", "failing"} {
		status, body := f.send("POST", "/lab/api/payments", `{"mode":"`+mode+`"}`)
		assert.Equal(t, 200, status)
		assert.Contains(t, body, `"payments":"`+mode+`"`)
	}
	require.NoError(t, f.lab.parts.Kill("payments-svc"))
	f.send("POST", "/lab/api/payments", `{"mode":"normal"}`)
	assert.Equal(t, []string{
		"set payments-svc 3s 0", "stop payments-svc", "start payments-svc",
		"set payments-svc 500ms 0.5", "stop payments-svc", "start payments-svc",
		"kill payments-svc", "set payments-svc 500ms 0",
	}, f.product.did)
	assert.Equal(t, Killed, f.state("payments-svc").State)
}

func TestSettleStartsEverythingAndWaits(t *testing.T) {
	f := start(t, nil)
	require.NoError(t, f.lab.parts.Kill("scheduler"))
	require.NoError(t, f.lab.parts.Kill("orders-actor"))
	require.NoError(t, f.lab.parts.Pay(t.Context(), Failing))
	tries := 0
	f.stores.settled = func() (bool, error) {
		tries++
		return tries == 2, nil
	}
	status, body := f.send("POST", "/lab/api/settle", "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"settled":true}`, body)
	assert.Equal(t, 2, tries)
	for _, p := range f.lab.parts.Status().Parts {
		assert.Equal(t, Running, p.State, p.Name)
	}
	assert.Equal(t, Normal, f.lab.parts.Status().Payments)
}

func TestRequestsAreForwardedToTheProduct(t *testing.T) {
	f := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Host)
	})
	status, body := f.send("GET", "/v1/orders?limit=1", "")
	assert.Equal(t, 200, status)
	assert.Equal(t, "GET /v1/orders?limit=1 "+f.Listener.Addr().String(), body)
}

func TestPagesKnowThatTheLabServesThem(t *testing.T) {
	f := start(t, func(http.ResponseWriter, *http.Request) {})
	r, err := f.Client().Get(f.URL)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, "lab", r.Header.Get("Server-Timing"))
}

func TestStreamsAreForwardedAtOnce(t *testing.T) {
	seen := make(chan struct{})
	f := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "id: 1\n\n")
		w.(http.Flusher).Flush()
		select { // the rest follows when the client has the first event
		case <-seen:
		case <-r.Context().Done():
		}
	})
	resp, err := http.Get(f.URL + "/v1/orders/events")
	require.NoError(t, err)
	defer resp.Body.Close()
	first := make([]byte, 7)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	assert.Equal(t, "id: 1\n\n", string(first))
	close(seen)
}

func TestProductThatIsDownIsABadGateway(t *testing.T) {
	f := start(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	status, _ := f.send("GET", "/v1/orders", "")
	assert.Equal(t, 502, status)
}

func TestForeignPagesAreRefused(t *testing.T) {
	f := start(t, func(http.ResponseWriter, *http.Request) {})
	own := "http://" + f.Listener.Addr().String()
	for _, c := range []struct {
		path, host, origin string
		status             int
	}{
		{"/lab/api/parts/scheduler/kill", "", "", 200},
		{"/lab/api/parts/scheduler/kill", "", own, 200},
		{"/lab/api/parts/scheduler/kill", "", "http://evil.example", 403},
		{"/lab/api/parts/scheduler/kill", "", "http://127.0.0.1:1", 403},
		{"/lab/api/parts/scheduler/kill", "", "null", 403},
		{"/lab/api/parts/scheduler/kill", "evil.example", "", 403},
		{"/lab/api/parts/scheduler/kill", "evil.example", "http://evil.example", 403},
		{"/v1/dev/token", "evil.example:8090", "", 403},
		{"/v1/dev/token", "localhost:8090", "", 200},
	} {
		headers := []string{}
		if c.host != "" {
			headers = append(headers, "Host", c.host)
		}
		if c.origin != "" {
			headers = append(headers, "Origin", c.origin)
		}
		status, _ := f.send("POST", c.path, "", headers...)
		assert.Equal(t, c.status, status, "%+v", c)
	}
}

func TestBadRequestsAreProblems(t *testing.T) {
	f := start(t, nil)
	for _, c := range []struct {
		path, body string
		status     int
		text       string
	}{
		{"/lab/api/parts/sentry/kill", "", 404, "no such part"},
		{"/lab/api/parts/scheduler/restart", "", 404, "not-found"},
		{"/lab/api/payments", "", 415, "unsupported-media-type"},
		{"/lab/api/payments", `{"mode":"broken"}`, 400, "must be normal, slow or failing"},
		{"/lab/api/payments", `{"mode":"slow","more":1}`, 400, "is not known"},
		{"/lab/api/check", `{"calls":[]}`, 400, "readings"},
		{"/lab/api/check", `{"calls":[{"op":"steal","client":"a","sent":1,"got":2,"status":200}],"readings":[]}`, 400, "calls[0].op"},
		{"/lab/api/check", `{"calls":[{"op":"read","client":"","sent":1,"got":2,"status":200}],"readings":[]}`, 400, "calls[0].client"},
		{"/lab/api/check", `{"calls":[{"op":"read","client":"a","sent":1,"got":2,"status":200,"reply":{}}],"readings":[]}`, 400, "calls[0].reply"},
		{"/lab/api/check", `{"calls":[],"readings":[{"reader":"r","events":[{"cursor":"c","order":1,"at":1}],"complete":true}]}`, 400, "readings[0].events[0].order"},
		{"/lab/api/check", `{"calls":[],"readings":[` + strings.Repeat(" ", maxBody) + `]}`, 413, "too-large"},
	} {
		status, body := f.send("POST", c.path, c.body)
		assert.Equal(t, c.status, status, "%s %.100s", c.path, c.body)
		assert.Contains(t, body, c.text)
	}
}

// run is a history of three orders with its stores, as the page posts it: d was delivered, c was cancelled, n was declined.
type labRun struct {
	record record
	stores history.Stores
}

func validRun(t *testing.T) *labRun {
	t.Helper()
	began := time.Now().Add(-time.Minute)
	at := func(ms int) time.Time {
		return began.Add(time.Duration(ms) * time.Millisecond).Truncate(time.Millisecond)
	}
	r := &labRun{stores: history.Stores{
		At: at(30_000), Orders: map[string]order.Order{}, Listed: map[string]order.Order{}, Actors: map[string]order.State{},
		Payments: map[string]history.Payment{
			"d": {Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1},
			"c": {Status: "voided", Amount: 900, Currency: "EUR", Charges: 1},
			"n": {Status: "declined", Amount: 900, Currency: "EUR"},
		},
	}}
	encode := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return text
	}
	r.record.Readings = []reading{{Reader: "the page", Complete: true}}
	log := func(o order.Order) {
		cursor := "cursor-" + o.ID + "-" + string(o.Status)
		r.stores.Feed = append(r.stores.Feed, history.FeedEvent{Cursor: cursor, Order: o, At: o.UpdatedAt})
		seen := &r.record.Readings[0]
		seen.Events = append(seen.Events, event{Cursor: cursor, Order: encode(o), At: o.UpdatedAt.UnixMilli()})
	}
	create := func(id string) order.State {
		items := []order.Item{{SKU: "tea-" + id, Name: "Green tea", Quantity: 2, UnitPrice: 450}}
		s, err := order.New(order.Create{ID: id, Auth: order.Auth{User: "lab-1", Role: "customer"}, Items: items, Currency: "EUR"}, at(0))
		require.NoError(t, err)
		r.record.Calls = append(r.record.Calls, call{
			Op: history.Create, Client: "lab-1", Key: "key-" + id, Items: items, Currency: "EUR",
			Sent: at(0).UnixMilli(), Got: at(10).UnixMilli(), Status: 201, Reply: encode(s.Order),
		})
		log(s.Order)
		return s
	}
	end := func(s order.State) {
		r.stores.Orders[s.ID], r.stores.Listed[s.ID], r.stores.Actors[s.ID] = s.Order, s.Order, s
	}
	d := create("d")
	d, _ = d.Settle(order.Settle{ID: "d", Confirmed: true, Attempts: 1}, at(100), 5*time.Second)
	log(d.Order)
	d, _ = d.Deliver(at(5_200))
	log(d.Order)
	end(d)
	c := create("c")
	c, _, err := c.Cancel(order.Cancel{ID: "c", User: "lab-1", By: order.ByCustomer}, at(50))
	require.NoError(t, err)
	r.record.Calls = append(r.record.Calls, call{
		Op: history.Cancel, Client: "lab-1", Order: "c", Sent: at(40).UnixMilli(), Got: at(60).UnixMilli(), Status: 200, Reply: encode(c.Order),
	})
	log(c.Order)
	c, _ = c.Voided()
	end(c)
	n := create("n")
	n, _ = n.Settle(order.Settle{ID: "n", Reason: "no funds", Attempts: 1}, at(200), 5*time.Second)
	log(n.Order)
	end(n)
	return r
}

func (f *fixture) check(r *labRun) Verdict {
	f.t.Helper()
	f.stores.stores = func() history.Stores { return r.stores }
	body, err := json.Marshal(r.record)
	require.NoError(f.t, err)
	status, text := f.send("POST", "/lab/api/check", string(body))
	require.Equal(f.t, 200, status, text)
	var v Verdict
	require.NoError(f.t, json.NewDecoder(bytes.NewBufferString(text)).Decode(&v))
	return v
}

func TestVerdictWithoutViolations(t *testing.T) {
	f := start(t, nil)
	v := f.check(validRun(t))
	assert.True(t, v.Settled)
	assert.Equal(t, []int{3, 1, 2}, []int{v.Orders, v.Delivered, v.Cancelled})
	require.Len(t, v.Invariants, 10)
	for _, i := range v.Invariants {
		assert.Zero(t, i.Violated, "%+v", i)
		assert.Positive(t, i.Checked, i.Name)
		assert.NotEmpty(t, i.Facts)
	}
	assert.False(t, f.lab.violated.Load())
}

// Each mutation plants one violation in the posted history or in the stores.
func TestVerdictReportsPlantedViolations(t *testing.T) {
	for name, c := range map[string]struct {
		mutate    func(*labRun)
		invariant history.Invariant
		detail    string
	}{
		"an acknowledged create is lost": {func(r *labRun) {
			delete(r.stores.Orders, "n")
			delete(r.stores.Listed, "n")
			delete(r.stores.Actors, "n")
		}, history.CreateKept, "a create was answered 201, and the order does not exist"},
		"the history has a create that the stores do not have": {func(r *labRun) {
			lost := r.record.Calls[0]
			lost.Key, lost.Items = "key-x", []order.Item{{SKU: "tea-x", Name: "Green tea", Quantity: 1, UnitPrice: 1}}
			lost.Reply = json.RawMessage(strings.Replace(string(lost.Reply), `"id":"d"`, `"id":"x"`, 1))
			r.record.Calls = append(r.record.Calls, lost)
		}, history.CreateKept, "a create was answered 201, and the order does not exist"},
		"an order is charged twice": {func(r *labRun) {
			p := r.stores.Payments["d"]
			p.Charges = 2
			r.stores.Payments["d"] = p
		}, history.ChargedOnce, "the order was charged 2 times"},
		"an order that nobody has is charged": {func(r *labRun) {
			r.stores.Payments["ghost"] = history.Payment{Status: "confirmed", Amount: 1, Currency: "EUR", Charges: 1}
		}, history.ChargedOnce, "there was a charge for an order that does not exist"},
		"an order is delivered after its cancel was acknowledged": {func(r *labRun) {
			r.record.Calls = append(r.record.Calls, call{
				Op: history.Cancel, Client: "lab-1", Order: "d", Sent: 1, Got: 2, Status: 200,
			})
		}, history.CancelKept, "shows version 3 delivered"},
		"a cancelled order keeps its charge": {func(r *labRun) {
			r.stores.Payments["c"] = history.Payment{Status: "confirmed", Amount: 900, Currency: "EUR", Charges: 1}
		}, history.VoidArrives, "the order is cancelled, and its payment is not voided"},
		"the reader missed an event": {func(r *labRun) {
			r.record.Readings[0].Events = r.record.Readings[0].Events[1:]
		}, history.FeedComplete, "missed version 1"},
		"an order belongs to another customer": {func(r *labRun) {
			o := r.stores.Orders["d"]
			o.Customer = "mallory"
			r.stores.Orders["d"] = o
		}, history.CreateKept, "a create was answered 201, and the order does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, nil)
			r := validRun(t)
			c.mutate(r)
			v := f.check(r)
			assert.True(t, f.lab.violated.Load(), "the data is kept")
			found := v.Invariants[c.invariant-1]
			require.Positive(t, found.Violated, "%+v", v)
			assert.Contains(t, found.Violations[0].Detail, c.detail)
			assert.Contains(t, found.Violations[0].Trace, "order "+found.Violations[0].Order)
		})
	}
}

// Visitors may use the product, and other runs may have been made, while a run is checked.
func TestVerdictIgnoresOrdersOfOthers(t *testing.T) {
	f := start(t, nil)
	r := validRun(t)
	other, err := order.New(order.Create{
		ID: "other", Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR",
		Items: []order.Item{{SKU: "tea-d", Name: "Green tea", Quantity: 1, UnitPrice: 450}},
	}, time.Now())
	require.NoError(t, err)
	r.stores.Orders["other"], r.stores.Listed["other"], r.stores.Actors["other"] = other.Order, other.Order, other
	r.stores.Payments["other"] = history.Payment{Status: "confirmed", Amount: 450, Currency: "EUR", Charges: 1}
	v := f.check(r)
	assert.Equal(t, 3, v.Orders)
	assert.False(t, v.violated(), "%+v", v)
}
