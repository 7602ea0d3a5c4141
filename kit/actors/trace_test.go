package actors

import (
	"context"
	"testing"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"orders/kit/telemetry"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

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
