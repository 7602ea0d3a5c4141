package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"orders/kit/dapr"
	"orders/kit/run"
)

const (
	probeEvery   = time.Second
	probeTimeout = 2 * time.Second
	closeGrace   = 250 * time.Millisecond
)

// drainOngoingCalls is how long the sidecars wait for running turns when placement moves actors. It is short, because
// meanwhile they hold back the very state calls that such a turn needs to come to its end: everybody waits that long. A
// turn that is cut off is done again at the actor's new place; the sidecar refuses what the old one still wants to save.
const drainOngoingCalls = 500 * time.Millisecond

// Run hosts the actors until ctx ends, then stops in order. It returns nil: what fails is tried again.
func (h *Host) Run(ctx context.Context) error {
	drain, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends Drain after ctx
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(h.Drain, cancel) })()

	backoff, level := dapr.FirstBackoff, slog.LevelWarn
	for ctx.Err() == nil {
		var connected bool
		err := run.Catch(ctx, h.Log, "actor host", func() (err error) {
			connected, err = h.hostOnce(ctx, drain)
			return err
		})
		if ctx.Err() != nil {
			break
		}
		if connected {
			backoff, level = dapr.FirstBackoff, slog.LevelWarn
		}
		h.Log.Log(ctx, level, "not hosting actors, will connect again", "error", err)
		select {
		case <-time.After(backoff/2 + rand.N(backoff)):
		case <-ctx.Done():
		}
		backoff, level = min(2*backoff, dapr.MaxBackoff), slog.LevelDebug // said once
	}
	// Turns of a stream that broke before may still run.
	if err := h.running.below(drain, 1); err != nil {
		h.Log.Warn("stopped hosting though turns still run")
	}
	return nil
}

// hostOnce hosts over one stream, until that ends, ctx does, or no callback gets through any more. It reports whether the sidecar took our actors over.
func (h *Host) hostOnce(ctx, drain context.Context) (connected bool, _ error) {
	defer h.deactivateAll()
	defer h.ready.Store(false)

	s := &session{maxCallbacks: h.MaxTurns, stopping: &h.stopping, unknown: h.unknownMessage, ended: make(chan struct{})}
	// Not derived from ctx, whose end must leave the stream open for the answers of turns that have begun. The SDK's
	// own stop function is never called: it can wait for a goroutine of the SDK's, and the context ends the stream too.
	streamCtx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), sessionKey{}, s))
	defer cancel()
	drainRebalanced := true
	subscribed := make(chan error, 1)
	go func() {
		subscribed <- run.Catch(streamCtx, h.Log, "subscription", func() error {
			_, err := h.sidecar.client.SubscribeActorEvents(streamCtx, callbacks{h}, client.ActorEventSubscriptionOptions{
				ActorIdleTimeout:        h.IdleTimeout,
				DrainOngoingCallTimeout: drainOngoingCalls,
				DrainRebalancedActors:   &drainRebalanced,
			})
			return err
		})
	}()
	select {
	case err := <-subscribed:
		if err != nil {
			return false, fmt.Errorf("subscribe to actor events: %w", err)
		}
	case <-time.After(h.AckTimeout):
		return false, errors.New("subscribe to actor events: the sidecar does not answer")
	case <-ctx.Done():
		return false, ctx.Err()
	}
	h.Log.Info("connected to the sidecar", "actorType", h.Type)

	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		if s.pending.full(h.MaxTurns, 2*h.TurnTimeout) {
			return true, fmt.Errorf("%d callbacks are unanswered and none was answered in time", h.MaxTurns)
		}
		h.probe(ctx)
		select {
		case <-s.ended:
			return true, fmt.Errorf("actor event stream: %w", s.err)
		case <-ctx.Done():
			h.ready.Store(false)
			h.leaveSidecar(drain, s)
			return true, ctx.Err()
		case <-probe.C:
		}
	}
}

// probe asks the sidecar whether placement lets it host our actors: the stream alone doesn't say so.
func (h *Host) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	m, err := h.sidecar.client.GrpcClient().GetMetadata(ctx, &pb.GetMetadataRequest{})
	ready := err == nil && m.GetActorRuntime().GetHostReady()
	if h.ready.Swap(ready) != ready {
		h.Log.Info("actor host", "ready", ready)
	}
}

// leaveSidecar lets the callbacks that have begun finish and their answers leave, then closes the stream.
func (h *Host) leaveSidecar(drain context.Context, s *session) {
	h.stopping.Store(true)
	if err := s.pending.below(drain, 1); err != nil {
		h.Log.Warn("closing the stream though turns still run")
		return
	}
	_ = s.CloseSend() // goes out after the answers: the sidecar has read them all when it sees the end
	select {
	case <-s.ended:
	case <-time.After(closeGrace): // it may hold its side open until ours is gone altogether
	}
	h.Log.Info("left the sidecar", "actorType", h.Type)
}

type sessionKey struct{}

// session watches one subscription on the wire. The SDK tells neither when its stream has ended nor when an answer has
// been sent, reconnects by itself without a deadline, and stays away for good when the sidecar ends the stream with
// Canceled; so the host looks at the messages itself, and does the reconnecting.
type session struct {
	grpc.ClientStream
	ctx          context.Context
	maxCallbacks int
	pending      tally        // callbacks received and not answered
	stopping     *atomic.Bool // begin nothing any more
	unknown      func(kind int)
	endOnce      sync.Once
	ended        chan struct{} // closed when the stream has ended
	err          error         // why; to be read after ended
}

// watchStreams lets a session see the stream that is opened with its context.
func watchStreams(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	s, ok := ctx.Value(sessionKey{}).(*session)
	if err != nil || !ok {
		return stream, err
	}
	s.ClientStream, s.ctx = stream, ctx
	return s, nil
}

// RecvMsg hands a callback to the SDK: when there is room for it, and unless the host is stopping. Messages of a kind that
// this release does not know are dropped: the SDK never answers them, so each would take up room for good.
func (s *session) RecvMsg(m any) error {
	if err := s.pending.below(s.ctx, s.maxCallbacks); err != nil {
		return s.end(err)
	}
	for {
		if err := s.ClientStream.RecvMsg(m); err != nil {
			return s.end(err)
		}
		msg, ok := m.(*pb.SubscribeActorEventsResponseAlpha1)
		if !ok {
			return nil
		}
		switch msg.GetResponseType().(type) {
		case *pb.SubscribeActorEventsResponseAlpha1_InitialResponse:
			return nil
		case *pb.SubscribeActorEventsResponseAlpha1_InvokeRequest, *pb.SubscribeActorEventsResponseAlpha1_ReminderRequest,
			*pb.SubscribeActorEventsResponseAlpha1_TimerRequest, *pb.SubscribeActorEventsResponseAlpha1_DeactivateRequest:
		default:
			s.unknown(kindOf(msg))
			continue
		}
		s.pending.add()
		if !s.stopping.Load() {
			return nil
		}
		s.pending.done() // never begun: the sidecar fails it when the stream closes, and its caller goes elsewhere
	}
}

// kindOf is the number of the first field that this release does not know: newer kinds of messages have one each. It is 0
// for a message without any.
func kindOf(m *pb.SubscribeActorEventsResponseAlpha1) int {
	number, _, n := protowire.ConsumeTag(m.ProtoReflect().GetUnknown())
	if n < 0 {
		return 0
	}
	return int(number)
}

// end makes the SDK give this stream up without a word: it takes Canceled for the wish to stop.
func (s *session) end(err error) error {
	s.endOnce.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("closed by the sidecar")
		}
		s.err = err
		close(s.ended)
	})
	return status.Error(codes.Canceled, err.Error())
}

// SendMsg counts the answers.
func (s *session) SendMsg(m any) error {
	if msg, ok := m.(*pb.SubscribeActorEventsRequestAlpha1); ok && msg.GetInitialRequest() == nil {
		defer s.pending.done()
	}
	return s.ClientStream.SendMsg(m)
}
