package actors

import (
	"context"
	"encoding/base64"
	"log/slog"
	"testing"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"orders/kit/telemetry"
	"orders/kit/telemetry/telemetrytest"
)

const traceparent = telemetrytest.Traceparent

func TestTraceReachesTheTurn(t *testing.T) {
	var sent *pb.InvokeActorRequest
	call := func(ctx context.Context) {
		sent = &pb.InvokeActorRequest{Method: "create"}
		require.NoError(t, sendTrace(ctx, "", sent, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			return nil
		}))
	}
	traced := telemetry.WithTraceparent(t.Context(), traceparent)
	for want, ctx := range map[string]context.Context{traceparent: traced, "": t.Context()} {
		call(ctx)
		received := &pb.SubscribeActorEventsResponseInvokeRequestAlpha1{Method: sent.GetMethod(), Metadata: sent.GetMetadata()}
		passTrace(received)
		method, got := receiveTrace(t.Context(), received.GetMethod())
		require.Equal(t, "create", method)
		require.Equal(t, want, telemetry.Traceparent(got))
	}
}

func TestTraceReachesTheReminder(t *testing.T) {
	due := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	require.Equal(t, "2026-11-24T09:30:00Z "+traceparent, string(reminderData(telemetry.WithTraceparent(t.Context(), traceparent), due)))
	require.Equal(t, "2026-11-24T09:30:00Z", string(reminderData(t.Context(), due)))
	for params, want := range map[string]string{
		`{"data":"MDAtMGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMtYjdhZDZiNzE2OTIwMzMzMS0wMQ==","dueTime":"1s"}`:                             traceparent,
		`{"data":"MjAyNi0xMS0yNFQwOTozMDowMFogMDAtMGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMtYjdhZDZiNzE2OTIwMzMzMS0wMQ==","dueTime":"1s"}`: traceparent,
		`{"data":"c29tZXRoaW5nIGVsc2U="}`: "", `{"data":{"a":1}}`: "", `{"dueTime":"1s"}`: "", `garbage "data"`: "", ``: "",
	} {
		require.Equal(t, want, telemetry.Traceparent(receiveReminderTrace(t.Context(), []byte(params))), params)
	}
}

type nothing struct{}

func (nothing) Invoke(context.Context, string, []byte) ([]byte, error) { return nil, nil }
func (nothing) Remind(context.Context, string) error                   { return nil }

func TestWaitTurnAndReminderAreSpans(t *testing.T) {
	recorder := telemetrytest.Record(t)
	h := callbacks{NewHost(nil, Config{Type: "Thing", Log: slog.New(slog.DiscardHandler), Activate: func(string) Actor { return nothing{} }})}
	_, _ = h.InvokeActorMethod(t.Context(), "Thing", "1", "create"+traceSeparator+telemetrytest.Traceparent, nil)
	require.Equal(t, []string{"wait", "turn create"}, telemetrytest.Names(recorder))
	h.InvokeReminder(t.Context(), "Thing", "1", "deliver", []byte(`{"data":"`+base64.StdEncoding.EncodeToString([]byte(telemetrytest.Traceparent))+`"}`))
	require.Equal(t, []string{"wait", "turn reminder deliver", "reminder deliver"}, telemetrytest.Names(recorder)[2:])
}
