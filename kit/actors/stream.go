package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"orders/kit/retry"
	"orders/kit/run"
)

const (
	probeInterval = time.Second
	probeTimeout  = 2 * time.Second
	closeTimeout  = 250 * time.Millisecond
)

// rebalanceTimeout is how long the sidecar waits for running turns when placement moves actors. It is short, because
// meanwhile the sidecar blocks the state calls that such a turn needs to finish. A turn that is cut off is retried on the
// actor's new host; the sidecar rejects later saves of the old turn.
const rebalanceTimeout = 500 * time.Millisecond

// Run hosts the actors until ctx ends, then drains. It retries all failures and returns nil.
func (h *Host) Run(ctx context.Context) error {
	drain, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends h.Drain after ctx
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
		h.Log.Log(ctx, level, "not hosting actors, reconnecting", "error", err)
		retry.Sleep(ctx, backoff)
		backoff, level = min(2*backoff, dapr.MaxBackoff), slog.LevelDebug // one warning per outage
	}
	// Turns of earlier streams may still run.
	if err := h.turns.waitBelow(drain, 1); err != nil {
		h.Log.Warn("drain timed out with running turns")
	}
	return nil
}

// hostOnce hosts over one stream until the stream or ctx ends, or callbacks stall. connected reports whether the sidecar
// has accepted the subscription.
func (h *Host) hostOnce(ctx, drain context.Context) (connected bool, _ error) {
	defer h.deactivateAll()
	defer h.ready.Store(false)

	s := &subscription{maxCallbacks: h.MaxTurns, stopping: &h.stopping, onUnknown: h.handleUnknown, ended: make(chan struct{})}
	// The stream must outlive ctx, for the replies of turns in progress. The SDK's stop function is not used, because it can
	// block on a goroutine of the SDK; cancelling the context ends the stream as well.
	streamCtx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), subscriptionKey{}, s))
	defer cancel()
	drainRebalanced := true
	subscribed := make(chan error, 1)
	go func() {
		subscribed <- run.Catch(streamCtx, h.Log, "subscription", func() error {
			_, err := h.sidecar.client.SubscribeActorEvents(streamCtx, callbacks{h}, client.ActorEventSubscriptionOptions{
				ActorIdleTimeout:        h.IdleTimeout,
				DrainOngoingCallTimeout: rebalanceTimeout,
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
		return false, errors.New("subscribe to actor events: timeout")
	case <-ctx.Done():
		return false, ctx.Err()
	}
	h.Log.Info("connected to the sidecar", "actorType", h.Type)

	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	for {
		if s.pending.stalled(h.MaxTurns, h.WaitTimeout+2*h.TurnTimeout) {
			return true, fmt.Errorf("actor event stream: all %d callbacks in progress have stalled", h.MaxTurns)
		}
		h.probe(ctx)
		select {
		case <-s.ended:
			return true, fmt.Errorf("receive actor events: %w", s.err)
		case <-ctx.Done():
			h.ready.Store(false)
			h.disconnect(drain, s)
			return true, ctx.Err()
		case <-probe.C:
		}
	}
}

// probe updates ready. An open stream does not mean that placement routes actors to this host, so it asks the sidecar.
func (h *Host) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	m, err := h.sidecar.client.GrpcClient().GetMetadata(ctx, &pb.GetMetadataRequest{})
	ready := err == nil && m.GetActorRuntime().GetHostReady()
	if h.ready.Swap(ready) != ready {
		h.Log.Info("actor host", "ready", ready)
	}
}

// disconnect waits until callbacks in progress have been answered, then closes the stream.
func (h *Host) disconnect(drain context.Context, s *subscription) {
	h.stopping.Store(true)
	if err := s.pending.waitBelow(drain, 1); err != nil {
		h.Log.Warn("drain timed out with running turns, closing the stream")
		return
	}
	_ = s.CloseSend() // sent after the replies, so the sidecar reads them first
	select {
	case <-s.ended:
	case <-time.After(closeTimeout): // the sidecar may keep its side open until the context ends
	}
	h.Log.Info("disconnected from the sidecar", "actorType", h.Type)
}

type subscriptionKey struct{}

// subscription wraps the gRPC stream of one subscription to actor events. The SDK does not report when its stream has ended
// or when a reply has been sent. It also reconnects by itself without a timeout, and not at all after the sidecar has ended
// the stream with Canceled. The host therefore inspects the messages, and reconnects itself.
type subscription struct {
	grpc.ClientStream
	ctx          context.Context
	maxCallbacks int
	pending      inProgress   // callbacks that are received and not answered
	stopping     *atomic.Bool // start no further callbacks
	onUnknown    func(kind int)
	endOnce      sync.Once
	ended        chan struct{} // closed when the stream has ended
	err          error         // the cause; valid after ended is closed
}

// watchSubscription is an interceptor that wraps the stream opened with a subscription's context.
func watchSubscription(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	s, ok := ctx.Value(subscriptionKey{}).(*subscription)
	if err != nil || !ok {
		return stream, err
	}
	s.ClientStream, s.ctx = stream, ctx
	return s, nil
}

// RecvMsg passes the next callback to the SDK, once fewer than maxCallbacks are in progress. It drops callbacks while the
// host stops. It also drops messages of unknown kinds: the SDK never answers them, so they would count as in progress
// forever.
func (s *subscription) RecvMsg(m any) error {
	if err := s.pending.waitBelow(s.ctx, s.maxCallbacks); err != nil {
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
		case *pb.SubscribeActorEventsResponseAlpha1_InvokeRequest:
			passTrace(msg.GetInvokeRequest())
		case *pb.SubscribeActorEventsResponseAlpha1_ReminderRequest, *pb.SubscribeActorEventsResponseAlpha1_TimerRequest, *pb.SubscribeActorEventsResponseAlpha1_DeactivateRequest:
		default:
			s.onUnknown(kindOf(msg))
			continue
		}
		s.pending.add()
		if !s.stopping.Load() {
			return nil
		}
		s.pending.done() // not started: the sidecar fails it when the stream closes, and its caller retries
	}
}

// kindOf returns the number of the message's first unknown field, or 0. Each kind of message has its own field.
func kindOf(m *pb.SubscribeActorEventsResponseAlpha1) int {
	number, _, n := protowire.ConsumeTag(m.ProtoReflect().GetUnknown())
	if n < 0 {
		return 0
	}
	return int(number)
}

// end records the cause and returns Canceled, after which the SDK does not reconnect.
func (s *subscription) end(err error) error {
	s.endOnce.Do(func() {
		if errors.Is(err, io.EOF) {
			err = errors.New("closed by the sidecar")
		}
		s.err = err
		close(s.ended)
	})
	return status.Error(codes.Canceled, err.Error())
}

// SendMsg counts the replies.
func (s *subscription) SendMsg(m any) error {
	if msg, ok := m.(*pb.SubscribeActorEventsRequestAlpha1); ok && msg.GetInitialRequest() == nil {
		defer s.pending.done()
	}
	return s.ClientStream.SendMsg(m)
}
