package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/relay"
)

var (
	oldKey = []byte(strings.Repeat("o", 32))
	newKey = []byte(strings.Repeat("n", 32))
)

// receiver is a server that stores the last request.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header http.Header
	body   []byte
	calls  int
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.header, r.body = req.Header, body
		r.calls++
		if r.status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) signatures() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(r.header.Get("Webhook-Signature"), " ")
}

// signature is the one that a receiver expects.
func (r *receiver) signature(t *testing.T, secret string) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	at, err := strconv.ParseInt(r.header.Get("Webhook-Timestamp"), 10, 64)
	require.NoError(t, err)
	return sign([][]byte{decode(t, secret)}, r.header.Get("Webhook-Id"), time.Unix(at, 0), r.body)
}

func decode(t *testing.T, secret string) []byte {
	t.Helper()
	var key []byte
	require.NoError(t, json.Unmarshal([]byte(strconv.Quote(strings.TrimPrefix(secret, "whsec_"))), &key))
	return key
}

type fixture struct {
	*Service
	db      *orderdb.DB
	now     time.Time
	changed int
}

func newService(t *testing.T, change ...func(*Config)) *fixture {
	t.Helper()
	db, err := orderdb.Open(t.Context(), filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	f := &fixture{db: db, now: orderdbtest.Start}
	c := Config{
		Store: db.Webhooks, Keys: [][]byte{oldKey}, Data: func(o order.Order) any { return map[string]int{"version": o.Version} },
		AllowPrivate: true, Clock: func() time.Time { return f.now }, Changed: func() { f.changed++ },
	}
	for _, change := range change {
		change(&c)
	}
	f.Service, err = New(c)
	require.NoError(t, err)
	return f
}

func send(t *testing.T, f *fixture, id string, o order.Order) relay.Outcome {
	t.Helper()
	sender, err := f.Open(t.Context(), id)
	require.NoError(t, err)
	return sender.Send(t.Context(), o, 1)
}

// The example is that of the libraries of Standard Webhooks.
func TestSignatureIsThatOfStandardWebhooks(t *testing.T) {
	got := sign([][]byte{decode(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", got)
}

func TestEventIsASignedCloudEvent(t *testing.T) {
	f, r := newService(t), startReceiver(t)
	w, secret, err := f.Create(t.Context(), Settings{URL: r.URL + "/hook", Types: []string{"orders.order.created.v1"}})
	require.NoError(t, err)
	require.True(t, w.Enabled)
	require.Equal(t, 1, f.changed)
	require.NotContains(t, w.Secret, strings.TrimPrefix(secret, "whsec_"))

	o := orderdbtest.NewOrder(t, "alice", f.now)
	sender, err := f.Open(t.Context(), w.ID)
	require.NoError(t, err)
	require.True(t, sender.Wants(o.Order))
	require.False(t, sender.Wants(orderdbtest.Settled(t, o, true, f.now).Order))
	outcome := sender.Send(t.Context(), o.Order, 3)
	require.Empty(t, outcome.Err)
	d := outcome.Detail.(webhooks.Delivery)
	require.Equal(t, http.StatusNoContent, d.Status)
	require.Equal(t, 3, d.Attempt)

	require.Equal(t, "application/cloudevents+json", r.header.Get("Content-Type"))
	require.Equal(t, o.ID+"_1", r.header.Get("Webhook-Id"))
	require.Equal(t, []string{r.signature(t, secret)}, r.signatures())
	require.JSONEq(t, `{"specversion":"1.0","id":"`+o.ID+`_1","source":"/v1/orders","type":"orders.order.created.v1","subject":"`+o.ID+`",
		"time":"2026-11-24T09:30:00Z","datacontenttype":"application/json","dataschema":"/openapi.yaml#/components/schemas/OrderSummary",
		"data":{"version":1}}`, string(r.body))
}

func TestAnswersAreJudged(t *testing.T) {
	f, r := newService(t), startReceiver(t)
	w, _, err := f.Create(t.Context(), Settings{URL: r.URL})
	require.NoError(t, err)
	o := orderdbtest.NewOrder(t, "alice", f.now).Order
	for status, want := range map[int]string{200: "", 204: "", 302: "302 Found", 400: "400 Bad Request", 500: "500 Internal", 410: "410 Gone"} {
		r.mu.Lock()
		r.status, r.calls = status, 0
		r.mu.Unlock()
		outcome := send(t, f, w.ID, o)
		require.Contains(t, outcome.Err, want, status)
		require.Equal(t, want == "", outcome.Err == "", status)
		require.Equal(t, status == http.StatusGone, outcome.Disable != "", status)
		require.Equal(t, 1, r.calls, "redirects are not followed")
	}
	r.Close()
	require.NotEmpty(t, send(t, f, w.ID, o).Err, "no answer")
}

func TestSlowReceiverIsGivenUp(t *testing.T) {
	f := newService(t)
	stop := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer slow.Close()
	defer close(stop)
	w, _, err := f.Create(t.Context(), Settings{URL: slow.URL})
	require.NoError(t, err)
	f.client.Timeout = time.Millisecond
	require.Contains(t, send(t, f, w.ID, orderdbtest.NewOrder(t, "alice", f.now).Order).Err, "no answer within")
}

func TestRotationSignsWithBothSecretsForADay(t *testing.T) {
	f, r := newService(t), startReceiver(t)
	w, first, err := f.Create(t.Context(), Settings{URL: r.URL})
	require.NoError(t, err)
	w, second, err := f.Rotate(t.Context(), w.ID)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, f.now.Add(RotationOverlap), w.PreviousUntil)

	o := orderdbtest.NewOrder(t, "alice", f.now).Order
	require.Empty(t, send(t, f, w.ID, o).Err)
	require.Equal(t, []string{r.signature(t, second), r.signature(t, first)}, r.signatures())
	f.now = f.now.Add(RotationOverlap)
	require.Empty(t, send(t, f, w.ID, o).Err)
	require.Equal(t, []string{r.signature(t, second)}, r.signatures())
}

func TestSecretsFollowTheRotationOfTheKey(t *testing.T) {
	f, r := newService(t), startReceiver(t)
	w, secret, err := f.Create(t.Context(), Settings{URL: r.URL})
	require.NoError(t, err)
	with := func(keys ...[]byte) *fixture {
		s, err := New(Config{Store: f.Store, Keys: keys, Data: f.Data, AllowPrivate: true, Clock: f.Clock, Changed: f.Changed})
		require.NoError(t, err)
		return &fixture{Service: s, db: f.db, now: f.now}
	}
	o := orderdbtest.NewOrder(t, "alice", f.now).Order
	_, err = with(newKey).Open(t.Context(), w.ID)
	require.ErrorContains(t, err, "rotate the webhook's secret")
	_, err = f.Update(t.Context(), w.ID, "otto", Change{Enabled: new(false)})
	require.NoError(t, err)
	require.NoError(t, with(newKey, oldKey).Reseal(t.Context()))
	require.ErrorContains(t, f.Reseal(t.Context()), "rotate the webhook's secret")
	require.Empty(t, send(t, with(newKey), w.ID, o).Err, "it was encrypted again")
	require.Equal(t, []string{r.signature(t, secret)}, r.signatures())
}

func TestTestAndResendAreSentAtOnceAndRecorded(t *testing.T) {
	f, r := newService(t), startReceiver(t)
	w, secret, err := f.Create(t.Context(), Settings{URL: r.URL})
	require.NoError(t, err)
	d, err := f.Test(t.Context(), w.ID)
	require.NoError(t, err)
	require.Empty(t, d.Error)
	require.Equal(t, TestType, d.Type)
	require.Equal(t, []string{r.signature(t, secret)}, r.signatures())

	again, err := f.Resend(t.Context(), w.ID, d.ID)
	require.NoError(t, err)
	require.NotEqual(t, d.ID, again.ID)
	require.Equal(t, d.EventID, again.EventID)
	require.Equal(t, d.Body, string(r.body))
	found, err := f.Store.Deliveries(t.Context(), w.ID, 10)
	require.NoError(t, err)
	require.Len(t, found, 2)
	_, err = f.Resend(t.Context(), w.ID, w.ID)
	require.ErrorIs(t, err, webhooks.ErrNotFound)
	_, err = f.Test(t.Context(), d.ID)
	require.ErrorIs(t, err, webhooks.ErrNotFound)
}

func TestDisabledAndDeletedWebhooks(t *testing.T) {
	f := newService(t)
	w, _, err := f.Create(t.Context(), Settings{URL: "https://example.com"})
	require.NoError(t, err)
	w, err = f.Update(t.Context(), w.ID, "otto", Change{Enabled: new(false), Description: new("warehouse")})
	require.NoError(t, err)
	require.False(t, w.Enabled)
	require.Equal(t, "disabled by otto", w.Reason)
	require.Equal(t, "warehouse", w.Description)
	w, err = f.Update(t.Context(), w.ID, "otto", Change{Enabled: new(true)})
	require.NoError(t, err)
	require.True(t, w.Enabled)
	require.Empty(t, w.Reason)
	require.Equal(t, 2, f.changed)
	require.NoError(t, f.Store.Delete(t.Context(), w.ID))
	_, err = f.Open(t.Context(), w.ID)
	require.ErrorIs(t, err, destinations.ErrDisabled)
}

func TestURLsAreChecked(t *testing.T) {
	public := newService(t, func(c *Config) { c.AllowPrivate = false })
	private := newService(t)
	for url, allowed := range map[string]string{
		"https://example.com/orders?x=1": "public", "https://93.184.216.34": "public",
		"http://example.com": "private", "https://127.0.0.1": "private", "https://[::1]:8443": "private", "https://169.254.169.254/": "private", "http://10.0.0.1": "private",
		"": "no", "example.com": "no", "https://": "no", "ftp://example.com": "no", "https://u:p@example.com": "no", "https://example.com/#x": "no", "https:example.com": "no", "https://exa mple.com": "no",
	} {
		_, _, err := public.Create(t.Context(), Settings{URL: url})
		require.Equal(t, allowed == "public", err == nil, url)
		_, _, err = private.Create(t.Context(), Settings{URL: url})
		require.Equal(t, allowed != "no", err == nil, url)
		if refused := (*Refused)(nil); err != nil {
			require.ErrorAs(t, err, &refused)
		}
	}
}

// The check of the URL sees a name only. The address that it resolves to is checked when it is dialled.
func TestPrivateAddressBehindANameIsRefused(t *testing.T) {
	r := startReceiver(t)
	f := newService(t, func(c *Config) { c.AllowPrivate = false })
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	w, _, err := f.Create(t.Context(), Settings{URL: "https://localhost:" + port})
	require.NoError(t, err)
	d, err := f.Test(t.Context(), w.ID)
	require.NoError(t, err)
	require.Contains(t, d.Error, "is a private or reserved address")
	require.Zero(t, r.calls)
}

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "8.8.8.8": true,
		"0.0.0.0": false, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false,
		"ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::127.0.0.1": false,
	} {
		require.Equal(t, want, isPublic(netip.MustParseAddr(text)), text)
	}
}
