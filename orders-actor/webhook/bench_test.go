package webhook

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/feed"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/relay"
)

// BenchmarkRelay reports the CPU time of one event from the event log to a receiver, which is in the same process and counted too.
func BenchmarkRelay(b *testing.B) {
	db, err := orderdb.Open(b.Context(), filepath.Join(b.TempDir(), "view.db"))
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	var received atomic.Int64
	done := make(chan struct{}, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if received.Add(1) == int64(b.N) {
			done <- struct{}{}
		}
	}))
	defer receiver.Close()
	hooks, err := New(Config{
		Store: db.Webhooks, Keys: [][]byte{oldKey}, Data: func(o order.Order) any { return o }, AllowPrivate: true, Clock: time.Now, Changed: func() {},
	})
	require.NoError(b, err)
	_, _, err = hooks.Create(b.Context(), Settings{URL: receiver.URL})
	require.NoError(b, err)
	for range b.N {
		require.NoError(b, db.Put(b.Context(), orderdbtest.NewOrder(b, "alice", time.Now())))
	}
	log := slog.New(slog.DiscardHandler)
	r := relay.New(relay.Config{
		Store: db.Destinations, Events: db, Feed: feed.New(db, log), Targets: map[string]relay.Target{webhooks.Kind: hooks}, Holder: "a",
		Log: log, Clock: time.Now, Registry: prometheus.NewRegistry(),
	})
	b.ResetTimer()
	before := cpu(b)
	go func() { _ = r.Run(b.Context()) }()
	<-done
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e6, "CPU-ms/event")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
