package actors

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

const testTimeout = time.Minute // long enough for a slow machine

// fakeSidecar serves the part of Dapr's API that the host uses.
type fakeSidecar struct {
	pb.UnimplementedDaprServer
	server *grpc.Server
	addr   string

	stream  func(pb.Dapr_SubscribeActorEventsAlpha1Server) error // if set, called before the acknowledgement
	invoke  func(*pb.InvokeActorRequest) (*pb.InvokeActorResponse, error)
	streams chan *fakeStream // the acknowledged ones
	opened  atomic.Int32

	reminder func(*pb.GetActorReminderRequest) (*pb.GetActorReminderResponse, error)
}

func newFakeSidecar(t *testing.T) *fakeSidecar {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &fakeSidecar{
		server: grpc.NewServer(), addr: l.Addr().String(), streams: make(chan *fakeStream, 100),
	}
	pb.RegisterDaprServer(s.server, s)
	go func() { _ = s.server.Serve(l) }()
	t.Cleanup(s.server.Stop)
	return s
}

func (s *fakeSidecar) GetMetadata(context.Context, *pb.GetMetadataRequest) (*pb.GetMetadataResponse, error) {
	return &pb.GetMetadataResponse{ActorRuntime: &pb.ActorRuntime{HostReady: true}}, nil
}

func (s *fakeSidecar) InvokeActor(_ context.Context, r *pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
	return s.invoke(r)
}

func (s *fakeSidecar) GetActorReminder(_ context.Context, r *pb.GetActorReminderRequest) (*pb.GetActorReminderResponse, error) {
	return s.reminder(r)
}

func (s *fakeSidecar) SubscribeActorEventsAlpha1(stream pb.Dapr_SubscribeActorEventsAlpha1Server) error {
	s.opened.Add(1)
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if s.stream != nil {
		if err := s.stream(stream); err != nil {
			return err
		}
	}
	if err := stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_InitialResponse{InitialResponse: &pb.SubscribeActorEventsResponseInitialAlpha1{}},
	}); err != nil {
		return err
	}
	acked := &fakeStream{stream: stream, replies: make(chan *pb.SubscribeActorEventsRequestAlpha1, 1000), end: make(chan error, 1), closed: make(chan struct{})}
	s.streams <- acked
	go func() {
		defer close(acked.closed)
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			acked.replies <- m
		}
	}()
	select {
	case err := <-acked.end:
		return err
	case <-acked.closed:
		return nil
	}
}

// fakeStream is an acknowledged stream.
type fakeStream struct {
	stream  pb.Dapr_SubscribeActorEventsAlpha1Server
	mu      sync.Mutex
	next    int
	replies chan *pb.SubscribeActorEventsRequestAlpha1
	end     chan error
	closed  chan struct{} // closed when the host has closed its side
}

func (l *fakeStream) call(t *testing.T, id, method string) (request string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	request = strconv.Itoa(l.next)
	require.NoError(t, l.stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_InvokeRequest{
			InvokeRequest: &pb.SubscribeActorEventsResponseInvokeRequestAlpha1{Id: request, ActorType: "Thing", ActorId: id, Method: method},
		},
	}))
	return request
}

// unknown sends a message of a kind that this release does not know.
func (l *fakeStream) unknown(t *testing.T, kind protowire.Number) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &pb.SubscribeActorEventsResponseAlpha1{}
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, kind, protowire.BytesType), []byte("{}")))
	require.NoError(t, l.stream.Send(m))
}

func (l *fakeStream) remind(t *testing.T, id, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	require.NoError(t, l.stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_ReminderRequest{
			ReminderRequest: &pb.SubscribeActorEventsResponseReminderRequestAlpha1{Id: strconv.Itoa(l.next), ActorType: "Thing", ActorId: id, Name: name},
		},
	}))
}

func (l *fakeStream) deactivate(t *testing.T, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	require.NoError(t, l.stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_DeactivateRequest{
			DeactivateRequest: &pb.SubscribeActorEventsResponseDeactivateRequestAlpha1{Id: strconv.Itoa(l.next), ActorType: "Thing", ActorId: id},
		},
	}))
}

func (l *fakeStream) reply(t *testing.T) *pb.SubscribeActorEventsRequestAlpha1 {
	return receive(t, l.replies, "reply")
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(testTimeout):
		require.FailNow(t, "timeout: no "+what)
		panic("unreachable")
	}
}

// thing is an actor whose turns are defined by the test.
type thing struct {
	id   string
	turn func(ctx context.Context, t *thing, name string) error
}

func (t *thing) Invoke(ctx context.Context, method string, _ []byte) ([]byte, error) {
	return []byte(method), t.turn(ctx, t, method)
}

func (t *thing) Remind(ctx context.Context, name string) error { return t.turn(ctx, t, name) }

// hostThings runs a host of things with the sidecar at addr. The returned function stops it and waits.
func hostThings(t *testing.T, addr string, c Config, turn func(ctx context.Context, t *thing, name string) error) (*Host, func()) {
	s, err := Dial(addr, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	c.Type = "Thing"
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Activate = func(id string) Actor { return &thing{id: id, turn: turn} }
	h := NewHost(s, c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx)
	}()
	stop := func() {
		cancel()
		receive(t, ended, "return of Run")
	}
	t.Cleanup(stop)
	return h, stop
}
