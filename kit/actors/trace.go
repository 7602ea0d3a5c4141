package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"orders/kit/telemetry"
)

// How a trace reaches a turn: the sidecars pass the metadata of an invocation on, but the SDK neither sets it nor passes it to the
// handler. So an interceptor sets it, and the host, which sees the messages before the SDK, moves the traceparent to the end of the
// method's name. A reminder has the traceparent of the turn that set it in its data. Hosts of older releases ignore both.

const traceSeparator = "\x00" // is in no method's name

// sendTrace is an interceptor that sends the context's trace with an invocation.
func sendTrace(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if r, ok := req.(*pb.InvokeActorRequest); ok {
		if traceparent := telemetry.Traceparent(ctx); traceparent != "" {
			r.Metadata = map[string]string{telemetry.HeaderTraceparent: traceparent}
		}
	}
	return call(ctx, method, req, reply, cc, opts...)
}

// passTrace moves the traceparent of an invocation to where receiveTrace finds it.
func passTrace(r *pb.SubscribeActorEventsResponseInvokeRequestAlpha1) {
	for name, value := range r.GetMetadata() {
		if strings.EqualFold(name, telemetry.HeaderTraceparent) {
			r.Method += traceSeparator + value
		}
	}
}

// receiveTrace undoes passTrace.
func receiveTrace(ctx context.Context, method string) (string, context.Context) {
	method, traceparent, _ := strings.Cut(method, traceSeparator)
	return method, telemetry.WithTraceparent(ctx, traceparent)
}

// reminderData returns the data of a reminder that is set in ctx: when it fires first, and the traceparent, if any, after a
// space. The scheduler would only tell the delay with which it was set.
func reminderData(ctx context.Context, due time.Time) []byte {
	return []byte(strings.TrimSpace(due.UTC().Format(time.RFC3339Nano) + " " + telemetry.Traceparent(ctx)))
}

// plannedDue returns when a reminder with this data fires first, or zero if another program or an earlier release set it. The
// sidecar stores the data as JSON, in which bytes are base64.
func plannedDue(data *anypb.Any) time.Time {
	var stored wrapperspb.BytesValue
	if data == nil || data.UnmarshalTo(&stored) != nil {
		return time.Time{}
	}
	var text []byte
	if json.Unmarshal(stored.GetValue(), &text) != nil {
		return time.Time{}
	}
	first, _, _ := strings.Cut(string(text), " ")
	due, err := time.Parse(time.RFC3339Nano, first)
	if err != nil {
		return time.Time{}
	}
	return due
}

// receiveReminderTrace undoes reminderData. It ignores the data of other apps' reminders.
func receiveReminderTrace(ctx context.Context, params []byte) context.Context {
	var p struct {
		Data []byte `json:"data"` // the sidecar encodes it in base64
	}
	if !bytes.Contains(params, []byte(`"data"`)) || json.Unmarshal(params, &p) != nil {
		return ctx
	}
	_, traceparent, found := strings.Cut(string(p.Data), " ")
	if !found { // an earlier release had only the traceparent
		traceparent = string(p.Data)
	}
	return telemetry.WithTraceparent(ctx, traceparent)
}
