package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"orders/api"
	"orders/kit/pgtest"
	"orders/stack"
)

// otlp is an OpenTelemetry receiver (OTLP over HTTP).
type otlp struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
}

type span struct {
	*tracepb.Span
	service, trace string
}

func newOTLP(t *testing.T) *otlp {
	t.Helper()
	o := &otlp{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got coltracepb.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, of := range got.ResourceSpans {
			service := ""
			for _, a := range of.Resource.Attributes {
				if a.Key == "service.name" {
					service = a.Value.GetStringValue()
				}
			}
			for _, in := range of.ScopeSpans {
				for _, s := range in.Spans {
					if in.Scope.GetName() != "orders/kit/telemetry" {
						service = strings.TrimSuffix(service, " sidecar") + " sidecar"
					}
					o.spans = append(o.spans, span{s, service, hex.EncodeToString(s.TraceId)})
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(o.Close)
	return o
}

// of returns the spans of a trace, as "service: name".
func (o *otlp) of(trace string) (names []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.spans {
		if s.trace == trace {
			names = append(names, s.service+": "+s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// named returns the first span with a name in a trace; any trace if it is empty.
func (o *otlp) named(t *testing.T, trace, name string) span {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.spans {
		if s.Name == name && (trace == "" || s.trace == trace) {
			return s
		}
	}
	require.Fail(t, "no span "+name+" in "+trace)
	return span{}
}

const (
	createTrace = "0af7651916cd43dd8448eb211c80319c"
	cancelTrace = "1bf7651916cd43dd8448eb211c80319c"
)

func traced(trace string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		return nil
	}
}

func TestOneTraceFollowsAnOrder(t *testing.T) {
	receiver := newOTLP(t)
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL, "DELIVER_AFTER": "1s", "PAYMENT_CONFIRM_RATE": "1", "PAYMENT_LATENCY": "1ms",
		"OTEL_TRACES_SAMPLER": "parentbased_always_off",
	}
	s, err := stack.Start(t.Context(), stack.Options{
		Home: t.TempDir(), FreePorts: true, Replicas: 2, Postgres: pgtest.Start(t).DSN(), Env: map[string]map[string]string{stack.OrdersActor: env, stack.PaymentsSvc: env},
	})
	require.NoError(t, err)
	closed := false
	defer func() {
		if !closed {
			assert.NoError(t, s.Close())
		}
	}()
	c := login(t, s.URL(), "alice", api.RoleCustomer)
	var others []string // enough traces that the other replica hosts some of the orders
	for i := range 8 {
		others = append(others, fmt.Sprintf("%032x", 0xabc0+i))
		require.Equal(t, http.StatusCreated, read(t)(c.CreateOrder(t.Context(), nil, tea, traced(others[i]))).Status)
	}
	o := parse[api.Order](t, read(t)(c.CreateOrder(t.Context(), nil, tea, traced(createTrace))).Body)
	c.await(t, o.ID, "delivered", func(o api.Order) bool { return o.Status == api.StatusDelivered })
	refused := read(t)(c.CancelOrderWithBody(t.Context(), o.ID, nil, "", nil, traced(cancelTrace)))
	require.Equal(t, http.StatusConflict, refused.Status)
	require.Equal(t, cancelTrace, parse[api.Problem](t, refused.Body).TraceID)
	require.NoError(t, s.Close()) // exports the last spans
	closed = true

	got := receiver.of(createTrace)
	for _, want := range []string{
		"orders-actor: POST /v1/orders", "orders-actor: wait", "orders-actor: turn create", "orders-actor: save", "orders-actor: put order",
		"orders-actor: payment attempt", "payments-svc: PUT /payments/:id", "orders-actor: turn settle", "orders-actor: set reminder",
		"orders-actor: reminder deliver", "orders-actor: turn reminder deliver",
	} {
		assert.Contains(t, got, want)
	}
	assert.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "orders-actor sidecar: ") }), "%v", got)
	assert.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "payments-svc sidecar: ") }), "%v", got)

	for _, trace := range others {
		assert.Contains(t, receiver.of(trace), "orders-actor: turn create")
	}
	cancel := receiver.named(t, cancelTrace, "turn cancel")
	require.Len(t, cancel.Links, 1, "to the trace of the create")
	assert.Equal(t, createTrace, hex.EncodeToString(cancel.Links[0].TraceId))
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	for _, s := range receiver.spans {
		assert.Contains(t, append(others, createTrace, cancelTrace), s.trace, "%s: %s: nobody asked for this trace", s.service, s.Name)
	}
}
