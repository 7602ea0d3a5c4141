package actors

import (
	"context"
	"io"
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

const patience = time.Minute // for what must happen on a slow machine, too

// standIn is a sidecar: the part of Dapr's API that the host speaks, in the test's hands.
type standIn struct {
	pb.UnimplementedDaprServer
	server *grpc.Server
	addr   string

	stream  func(pb.Dapr_SubscribeActorEventsAlpha1Server) error // before the ack; nil for a good sidecar
	invoke  func(*pb.InvokeActorRequest) (*pb.InvokeActorResponse, error)
	streams chan *liveStream // the good ones, as they come
	opened  atomic.Int32
}

func newStandIn(t *testing.T) *standIn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &standIn{
		server: grpc.NewServer(), addr: l.Addr().String(), streams: make(chan *liveStream, 100),
	}
	pb.RegisterDaprServer(s.server, s)
	go func() { _ = s.server.Serve(l) }()
	t.Cleanup(s.server.Stop)
	return s
}

func (s *standIn) GetMetadata(context.Context, *pb.GetMetadataRequest) (*pb.GetMetadataResponse, error) {
	return &pb.GetMetadataResponse{ActorRuntime: &pb.ActorRuntime{HostReady: true}}, nil
}

func (s *standIn) InvokeActor(_ context.Context, r *pb.InvokeActorRequest) (*pb.InvokeActorResponse, error) {
	return s.invoke(r)
}

func (s *standIn) SubscribeActorEventsAlpha1(stream pb.Dapr_SubscribeActorEventsAlpha1Server) error {
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
	live := &liveStream{stream: stream, answers: make(chan *pb.SubscribeActorEventsRequestAlpha1, 1000), breakUp: make(chan error, 1), closed: make(chan struct{})}
	s.streams <- live
	go func() {
		defer close(live.closed)
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			live.answers <- m
		}
	}()
	select {
	case err := <-live.breakUp:
		return err
	case <-live.closed:
		return nil
	}
}

// liveStream is one that was acknowledged.
type liveStream struct {
	stream  pb.Dapr_SubscribeActorEventsAlpha1Server
	mu      sync.Mutex
	next    int
	answers chan *pb.SubscribeActorEventsRequestAlpha1
	breakUp chan error
	closed  chan struct{} // closed when the application has closed its side
}

func (l *liveStream) call(t *testing.T, id, method string) (request string) {
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

// unknown sends a message of a kind that only a newer Dapr knows.
func (l *liveStream) unknown(t *testing.T, kind protowire.Number) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &pb.SubscribeActorEventsResponseAlpha1{}
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, kind, protowire.BytesType), []byte("{}")))
	require.NoError(t, l.stream.Send(m))
}

func (l *liveStream) remind(t *testing.T, id, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	require.NoError(t, l.stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_ReminderRequest{
			ReminderRequest: &pb.SubscribeActorEventsResponseReminderRequestAlpha1{Id: strconv.Itoa(l.next), ActorType: "Thing", ActorId: id, Name: name},
		},
	}))
}

func (l *liveStream) deactivate(t *testing.T, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	require.NoError(t, l.stream.Send(&pb.SubscribeActorEventsResponseAlpha1{
		ResponseType: &pb.SubscribeActorEventsResponseAlpha1_DeactivateRequest{
			DeactivateRequest: &pb.SubscribeActorEventsResponseDeactivateRequestAlpha1{Id: strconv.Itoa(l.next), ActorType: "Thing", ActorId: id},
		},
	}))
}

func (l *liveStream) answer(t *testing.T) *pb.SubscribeActorEventsRequestAlpha1 {
	return receive(t, l.answers, "an answer")
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "there was no "+what)
		panic("unreachable")
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// thing is the actor under the host: what its turns do is the test's.
type thing struct {
	id   string
	turn func(ctx context.Context, t *thing, what string) error
}

func (t *thing) Invoke(ctx context.Context, method string, _ []byte) ([]byte, error) {
	return []byte(method), t.turn(ctx, t, method)
}

func (t *thing) Remind(ctx context.Context, name string) error { return t.turn(ctx, t, name) }

// hostThings starts a host against the sidecar at addr, and returns it with a function that stops it and waits.
func hostThings(t *testing.T, addr string, c Config, turn func(ctx context.Context, t *thing, what string) error) (*Host, func()) {
	s, err := Dial(addr, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	c.Type = "Thing"
	if c.Log == nil {
		c.Log = quiet()
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
		receive(t, ended, "end of Run")
	}
	t.Cleanup(stop)
	return h, stop
}
