package payer

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/telemetry/telemetrytest"
	"orders/orders-actor/order"
)

type ignored struct{}

func (ignored) Settle(context.Context, order.Settle) error               { return nil }
func (ignored) PaymentFailed(context.Context, order.PaymentFailed) error { return nil }
func (ignored) Voided(context.Context, string) error                     { return nil }

func TestPaymentContinuesTheTraceOfTheCreate(t *testing.T) {
	recorder := telemetrytest.Record(t)
	var received []string
	payments := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received = append(received, r.Header.Get("traceparent"))
		if len(received) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"orderId":"7","status":"confirmed"}`))
	}))
	defer payments.Close()
	p := New(Config{
		Payments: NewClient(ClientConfig{Sidecar: payments.URL, Key: make([]byte, 32), Now: time.Now, Parallel: 1}),
		Results:  ignored{}, Log: slog.New(slog.DiscardHandler), Sleep: func(context.Context, time.Duration) {},
	})
	s := order.State{Order: order.Order{ID: "7", Customer: "alice", Total: 900, Currency: "EUR"}, Auth: order.Auth{User: "alice"}, Trace: telemetrytest.Traceparent}
	p.Pay(s)
	p.RunNext(t.Context())

	require.Equal(t, []string{"payment attempt", "payment attempt"}, telemetrytest.Names(recorder))
	spans := recorder.Ended()
	require.NotEmpty(t, spans[0].Status().Description, "the first attempt failed")
	for i, span := range spans {
		require.Equal(t, "00-"+telemetrytest.TraceID+"-"+span.SpanContext().SpanID().String()+"-01", received[i])
	}
}
