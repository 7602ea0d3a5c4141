package actors

import (
	"errors"
	"net"
	"testing"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func invoker(t *testing.T, addr string) Invoker {
	s, err := Dial(addr, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return Invoker{Sidecar: s, Type: "Thing", Seal: sealAt(noon), Timeout: testTimeout}
}

const hello = "hello"

// sealedReply is the reply of a host with the same key.
func sealedReply(t *testing.T, r *pb.InvokeActorRequest, reply string) *pb.InvokeActorResponse {
	t.Helper()
	_, sealReply, err := sealAt(noon).Open(r.GetMethod(), r.GetActorId(), r.GetData())
	require.NoError(t, err)
	return &pb.InvokeActorResponse{Data: sealReply([]byte(reply))}
}

func TestInvokeRetriesFailures(t *testing.T) {
	s := newFakeSidecar(t)
	calls := 0
	s.invoke = func(r *pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
		calls++
		if calls < maxAttempts {
			return nil, status.Error(codes.Internal, "actor host disconnected before responding")
		}
		return sealedReply(t, r, "hello!"), nil
	}
	reply, err := invoker(t, s.addr).Invoke(t.Context(), "a", "greet", hello)
	require.NoError(t, err)
	assert.Equal(t, "hello!", string(reply))
}

func TestInvokeReturnsUnavailableAfterItsAttempts(t *testing.T) {
	s := newFakeSidecar(t)
	for code, want := range map[codes.Code]int{codes.Internal: maxAttempts, codes.Unavailable: maxAttempts, codes.PermissionDenied: 1} {
		calls := 0
		s.invoke = func(*pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
			calls++
			return nil, status.Error(code, "no")
		}
		_, err := invoker(t, s.addr).Invoke(t.Context(), "a", "greet", hello)
		require.ErrorIs(t, err, ErrUnavailable)
		assert.Equal(t, want, calls, code)
	}

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = invoker(t, closed.Addr().String()).Invoke(t.Context(), "a", "greet", hello)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestInvokeEndsAtItsTimeout(t *testing.T) {
	s := newFakeSidecar(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.invoke = func(*pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
		<-release
		return nil, errors.New("too late")
	}
	i := invoker(t, s.addr)
	i.Timeout = 10 * time.Millisecond
	_, err := i.Invoke(t.Context(), "a", "greet", hello)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestInvokeIgnoresForgedReplies(t *testing.T) {
	s := newFakeSidecar(t)
	var recorded []byte
	calls := 0
	s.invoke = func(r *pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
		calls++
		switch calls {
		case 1: // a valid reply, which an impostor records
			reply := sealedReply(t, r, "first")
			recorded = reply.GetData()
			return reply, nil
		case 2:
			return &pb.InvokeActorResponse{Data: []byte(`{"text":"forged"}`)}, nil
		case 3:
			return &pb.InvokeActorResponse{Data: recorded}, nil
		default:
			return sealedReply(t, r, "second"), nil
		}
	}
	unsealed := 0
	i := invoker(t, s.addr)
	i.OnUnsealedReply = func(method, id string) {
		assert.Equal(t, []string{"greet", "a"}, []string{method, id})
		unsealed++
	}
	_, err := i.Invoke(t.Context(), "a", "greet", hello)
	require.NoError(t, err)
	reply, err := i.Invoke(t.Context(), "a", "greet", hello)
	require.NoError(t, err)
	assert.Equal(t, "second", string(reply))
	assert.Equal(t, 2, unsealed)

	s.invoke = func(*pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
		return &pb.InvokeActorResponse{Data: []byte(`{"text":"forged"}`)}, nil
	}
	_, err = i.Invoke(t.Context(), "a", "greet", hello)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, ErrSeal)
}
