package lab

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
	"orders/faults/history"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
	"orders/payments-svc/payment"
)

// output collects what a lab prints.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) find(pattern string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := regexp.MustCompile(pattern).FindStringSubmatch(o.text.String()); found != nil {
		return found[1]
	}
	return ""
}

// A part is killed on the real product, an order survives it, and violations that are planted in the real stores and in the history
// are reported. Because of them the data is kept.
func TestVerdictOnTheRealProduct(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the whole product")
	}
	var out output
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Address: "127.0.0.1:0", Out: &out}) }()
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return out.find(`(http://\S+)/lab\n`) != "" }, 2*time.Minute, 50*time.Millisecond)
	url, home := out.find(`(http://\S+)/lab\n`), out.find(`logs are in (\S+)/logs`)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	post := func(path string, body any) []byte {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		resp, err := http.Post(url+path, "application/json", bytes.NewReader(text))
		reply, err := client.Read(resp, err)
		require.NoError(t, err)
		require.Equal(t, 200, reply.Status, string(reply.Body))
		return reply.Body
	}
	check := func(r record) (v Verdict) {
		require.NoError(t, json.Unmarshal(post("/lab/api/check", r), &v))
		return v
	}

	token, err := client.Token(t.Context(), url, "lab-1", api.RoleCustomer, http.DefaultClient)
	require.NoError(t, err)
	customer := client.New(url, token, http.DefaultClient)
	items := []api.Item{{Sku: "tea-1", Name: "Green tea", Quantity: 1, UnitPrice: 450}}
	create := func() client.Reply {
		resp, err := customer.CreateOrder(t.Context(), &api.CreateOrderParams{IdempotencyKey: new("key-1")},
			api.CreateOrder{Currency: "EUR", Items: items})
		reply, err := client.Read(resp, err)
		require.NoError(t, err)
		return reply
	}
	sent := time.Now().UnixMilli()
	first := create()
	post("/lab/api/parts/orders-actor/kill", nil)
	assert.Equal(t, 502, create().Status)
	post("/lab/api/parts/orders-actor/start", nil)
	again := create()
	r := record{Readings: []reading{}}
	for i, reply := range []client.Reply{first, {Status: 502}, again} {
		c := call{
			Op: history.Create, Client: "lab-1", Key: "key-1", Currency: "EUR", Sent: sent, Got: time.Now().UnixMilli(), Status: reply.Status,
			Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 1, UnitPrice: 450}}, Replayed: i > 0,
		}
		if reply.OK() {
			c.Reply = json.RawMessage(reply.Body)
		}
		r.Calls = append(r.Calls, c)
	}
	v := check(r)
	assert.True(t, v.Settled)
	assert.False(t, v.violated(), "%+v", v)
	assert.Equal(t, 1, v.Orders)
	assert.Equal(t, 2, v.Invariants[history.OneKeyOneOrder-1].Checked)

	chargeTwice(t, home)
	lost := r.Calls[0]
	lost.Key, lost.Items = "key-2", []order.Item{{SKU: "tea-2", Name: "Green tea", Quantity: 1, UnitPrice: 450}}
	lost.Reply = json.RawMessage(strings.Replace(string(lost.Reply), `"id":"0`, `"id":"f`, 1))
	r.Calls = append(r.Calls, lost)
	v = check(r)
	assert.Equal(t, 1, v.Invariants[history.CreateKept-1].Violated, "%+v", v)
	assert.Equal(t, 1, v.Invariants[history.ChargedOnce-1].Violated, "%+v", v)

	stop()
	require.NoError(t, <-ended)
	assert.DirExists(t, home)
	assert.Equal(t, home, out.find(`logs and data are kept in (\S+)`))
}

// chargeTwice adds a charge to the only order in the ledger.
func chargeTwice(t *testing.T, home string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(home, "ledger.db")+"?_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	var key string
	var value []byte
	var binary bool
	row := db.QueryRowContext(t.Context(), "SELECT key, value, is_binary FROM state WHERE key NOT LIKE '%||ledger'")
	require.NoError(t, row.Scan(&key, &value, &binary))
	value, err = actorstore.Saved(value, binary)
	require.NoError(t, err)
	var p payment.Payment
	require.NoError(t, json.Unmarshal(value, &p), "%s", value)
	charge := payment.Entry{Kind: payment.EntryCharged, Amount: p.Amount, At: time.Now()}
	p.Entries = append(p.Entries, charge, charge)
	value, err = json.Marshal(p)
	require.NoError(t, err)
	result, err := db.ExecContext(t.Context(), "UPDATE state SET value = ?, is_binary = false WHERE key = ?", string(value), key)
	require.NoError(t, err)
	changed, err := result.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, changed, key)
}
