package actors

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestRunReturnsWithAnUnresponsiveSidecar(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, sends nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	unacknowledged := newFakeSidecar(t)
	unacknowledged.stream = func(s pb.Dapr_SubscribeActorEventsAlpha1Server) error {
		<-s.Context().Done()
		return s.Context().Err()
	}
	refusing := newFakeSidecar(t)
	refusing.stream = func(pb.Dapr_SubscribeActorEventsAlpha1Server) error {
		return status.Error(codes.FailedPrecondition, "no")
	}

	for name, addr := range map[string]string{
		"silent": silent.Addr().String(), "closed": closed.Addr().String(), "unacknowledged": unacknowledged.addr, "refusing": refusing.addr,
	} {
		t.Run(name, func(t *testing.T) {
			h, stop := hostThings(t, addr, Config{AckTimeout: 50 * time.Millisecond}, nil)
			if s := map[string]*fakeSidecar{"unacknowledged": unacknowledged, "refusing": refusing}[name]; s != nil { // keeps trying
				require.Eventually(t, func() bool { return s.opened.Load() >= 3 }, testTimeout, time.Millisecond)
			}
			assert.False(t, h.Ready())
			stop()
		})
	}
}

func TestHostReconnectsAfterEachKindOfStreamEnd(t *testing.T) {
	s := newFakeSidecar(t)
	h, _ := hostThings(t, s.addr, Config{}, func(context.Context, *thing, string) error { return nil })
	for _, end := range []error{nil, status.Error(codes.Canceled, "bye"), status.Error(codes.Unavailable, "bye")} {
		stream := receive(t, s.streams, "stream")
		require.Eventually(t, h.Ready, testTimeout, time.Millisecond)
		stream.end <- end
	}
	stream := receive(t, s.streams, "stream")
	stream.call(t, "a", "hello")
	assert.Equal(t, "hello", string(stream.reply(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, testTimeout, time.Millisecond)
}

func TestTurnsOverlapOnlyAcrossActors(t *testing.T) {
	s := newFakeSidecar(t)
	var mu sync.Mutex
	running := map[string]int{}
	together := make(chan struct{})
	_, _ = hostThings(t, s.addr, Config{}, func(_ context.Context, a *thing, name string) error {
		mu.Lock()
		running[a.id]++
		assert.Equal(t, 1, running[a.id])
		both := running["a"] == 1 && running["b"] == 1
		mu.Unlock()
		if both {
			close(together)
		}
		if name == "meet" {
			<-together // returns only if both actors' turns run at the same time
		}
		mu.Lock()
		running[a.id]--
		mu.Unlock()
		return nil
	})
	stream := receive(t, s.streams, "stream")
	stream.call(t, "a", "meet")
	stream.call(t, "b", "meet")
	stream.reply(t)
	stream.reply(t)
	for range 50 {
		stream.call(t, "a", "work")
	}
	for range 50 {
		assert.NotNil(t, stream.reply(t).GetInvokeResponse())
	}
}

func TestTurnOutlivesItsStream(t *testing.T) {
	s := newFakeSidecar(t)
	started, finish, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	_, stop := hostThings(t, s.addr, Config{}, func(ctx context.Context, _ *thing, name string) error {
		if name == "long" {
			close(started)
			<-finish
			_, hasDeadline := ctx.Deadline()
			assert.True(t, hasDeadline)
			result <- ctx.Err()
		}
		return nil
	})
	stream := receive(t, s.streams, "stream")
	stream.call(t, "a", "long")
	receive(t, started, "turn")
	stream.end <- errors.New("broken")
	second := receive(t, s.streams, "second stream")
	second.call(t, "b", "other")
	second.reply(t)
	second.call(t, "a", "after") // must wait for the turn of the old stream
	close(finish)
	require.NoError(t, receive(t, result, "end of the turn"))
	assert.Equal(t, "after", string(second.reply(t).GetInvokeResponse().GetData()))
	stop()
}

func TestActivationEndsAfterErrorPanicDeactivationAndStreamEnd(t *testing.T) {
	s := newFakeSidecar(t)
	var mu sync.Mutex
	seen := map[*thing]bool{}
	h, _ := hostThings(t, s.addr, Config{}, func(_ context.Context, a *thing, name string) error {
		mu.Lock()
		seen[a] = true
		mu.Unlock()
		switch name {
		case "fail":
			return errors.New("no")
		case "panic":
			panic("ouch")
		}
		return nil
	})
	activations := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(seen)
	}
	stream := receive(t, s.streams, "stream")
	call := func(name string) *pb.SubscribeActorEventsRequestAlpha1 {
		stream.call(t, "a", name)
		return stream.reply(t)
	}
	call("work")
	call("work")
	assert.Equal(t, 1, activations(), "an activation serves several turns")
	assert.NotNil(t, call("fail").GetRequestFailed())
	call("work")
	assert.Equal(t, 2, activations(), "after a failed turn")
	assert.NotNil(t, call("panic").GetRequestFailed())
	call("work")
	assert.Equal(t, 3, activations(), "after a panic")
	stream.remind(t, "a", "fail")
	assert.NotNil(t, stream.reply(t).GetRequestFailed(), "the scheduler fires it again")
	stream.remind(t, "a", "work")
	assert.NotNil(t, stream.reply(t).GetReminderResponse())
	assert.Equal(t, 4, activations(), "after a failed reminder")
	stream.deactivate(t, "a")
	assert.NotNil(t, stream.reply(t).GetDeactivateResponse())
	assert.Empty(t, slots(h), "no memory is kept for an inactive actor")
	call("work")
	assert.Equal(t, 5, activations(), "after a deactivation")
	stream.end <- nil
	stream = receive(t, s.streams, "second stream")
	assert.Empty(t, slots(h))
	call("work")
	assert.Equal(t, 6, activations(), "after the end of the stream")
}

func TestPanicInObserveFailsOnlyItsTurn(t *testing.T) {
	s := newFakeSidecar(t)
	h, _ := hostThings(t, s.addr, Config{Observe: func(turn string, _ time.Duration, _ error) {
		if turn == "observed" {
			panic("ouch")
		}
	}}, func(context.Context, *thing, string) error { return nil })
	stream := receive(t, s.streams, "stream")
	for range 3 {
		stream.call(t, "a", "observed")
		assert.NotNil(t, stream.reply(t).GetRequestFailed())
		stream.call(t, "a", "work")
		assert.Equal(t, "work", string(stream.reply(t).GetInvokeResponse().GetData()))
	}
	stream.deactivate(t, "a")
	stream.reply(t)
	assert.Empty(t, slots(h))
}

func TestDeactivateDoesNotWaitForTheTurn(t *testing.T) {
	s := newFakeSidecar(t)
	finish := make(chan struct{})
	h, _ := hostThings(t, s.addr, Config{}, func(context.Context, *thing, string) error {
		<-finish
		return nil
	})
	stream := receive(t, s.streams, "stream")
	stream.call(t, "a", "long")
	require.Eventually(t, func() bool { return len(slots(h)) == 1 }, testTimeout, time.Millisecond)
	stream.deactivate(t, "a")
	assert.NotNil(t, stream.reply(t).GetDeactivateResponse())
	close(finish)
	assert.NotNil(t, stream.reply(t).GetInvokeResponse())
	require.Eventually(t, func() bool { return len(slots(h)) == 0 }, testTimeout, time.Millisecond)
}

func TestRunDrainsTurnsAndStartsNone(t *testing.T) {
	s := newFakeSidecar(t)
	started, finish := make(chan struct{}), make(chan struct{})
	var turns atomic.Int32
	h, stop := hostThings(t, s.addr, Config{}, func(_ context.Context, _ *thing, name string) error {
		turns.Add(1)
		if name == "long" {
			close(started)
			<-finish
		}
		return nil
	})
	stream := receive(t, s.streams, "stream")
	require.Eventually(t, h.Ready, testTimeout, time.Millisecond)
	stream.call(t, "a", "long")
	receive(t, started, "turn")
	go stop()
	require.Eventually(t, h.stopping.Load, testTimeout, time.Millisecond)
	assert.False(t, h.Ready())
	stream.call(t, "b", "late")
	close(finish)
	assert.Equal(t, "long", string(stream.reply(t).GetInvokeResponse().GetData()))
	receive(t, stream.closed, "end of the stream")
	stop()
	assert.Empty(t, stream.replies)
	assert.EqualValues(t, 1, turns.Load())
}

func TestRunReturnsAfterTheDrainTimeout(t *testing.T) {
	s := newFakeSidecar(t)
	started, finish := make(chan struct{}), make(chan struct{})
	defer close(finish)
	_, stop := hostThings(t, s.addr, Config{Drain: 10 * time.Millisecond}, func(context.Context, *thing, string) error {
		close(started)
		<-finish
		return nil
	})
	receive(t, s.streams, "stream").call(t, "a", "stuck")
	receive(t, started, "turn")
	stop()
}

func TestMaxTurnsLimitsCallbacks(t *testing.T) {
	s := newFakeSidecar(t)
	var running atomic.Int32
	finish := make(chan struct{})
	_, _ = hostThings(t, s.addr, Config{MaxTurns: 3}, func(context.Context, *thing, string) error {
		assert.LessOrEqual(t, running.Add(1), int32(3))
		<-finish
		running.Add(-1)
		return nil
	})
	stream := receive(t, s.streams, "stream")
	for i := range 20 {
		stream.call(t, strconv.Itoa(i), "work")
	}
	require.Eventually(t, func() bool { return running.Load() == 3 }, testTimeout, time.Millisecond)
	close(finish)
	for range 20 {
		stream.reply(t)
	}
}

func TestUnknownMessagesAreIgnored(t *testing.T) {
	s := newFakeSidecar(t)
	var logged bytes.Buffer
	var counted atomic.Int32
	h, stop := hostThings(t, s.addr, Config{
		Log:              slog.New(slog.NewTextHandler(&logged, nil)),
		OnUnknownMessage: func(int) { counted.Add(1) },
	}, func(context.Context, *thing, string) error { return nil })
	stream := receive(t, s.streams, "stream")
	for i := range 2000 {
		stream.unknown(t, 900+protowire.Number(i%2))
	}
	stream.call(t, "a", "work")
	assert.Equal(t, "work", string(stream.reply(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, testTimeout, time.Millisecond)
	stop()
	assert.EqualValues(t, 2000, counted.Load())
	for _, kind := range []string{"kind=900", "kind=901"} {
		assert.Equal(t, 1, strings.Count(logged.String(), kind), "each kind is logged once")
	}
}

func TestWaitForAnotherTurnTakesNothingFromTheTurnsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHost(nil, Config{Type: "Thing", Log: slog.New(slog.DiscardHandler), Activate: func(string) Actor { return nil }})
		turn := func(takes time.Duration) error {
			return h.turn(t.Context(), "a", "work", func(ctx context.Context, _ Actor) error {
				end, _ := ctx.Deadline()
				assert.Equal(t, h.TurnTimeout, time.Until(end))
				<-time.After(takes)
				return nil
			})
		}
		var turns sync.WaitGroup
		turns.Go(func() { assert.NoError(t, turn(h.WaitTimeout-1)) })
		synctest.Wait()
		turns.Go(func() { assert.NoError(t, turn(h.WaitTimeout+1)) }) // starts when the first one ends
		turns.Wait()

		turns.Go(func() { assert.NoError(t, turn(h.WaitTimeout+1)) })
		synctest.Wait()
		require.ErrorIs(t, turn(0), context.DeadlineExceeded)
		turns.Wait()
		assert.NoError(t, turn(0), "the turn that was not started left nothing behind")
	})
}

func TestHostReconnectsWhenAllCallbacksStall(t *testing.T) {
	s := newFakeSidecar(t)
	finish := make(chan struct{})
	h, _ := hostThings(t, s.addr, Config{MaxTurns: 2, WaitTimeout: time.Millisecond, TurnTimeout: time.Millisecond}, func(_ context.Context, _ *thing, name string) error {
		if name == "hang" {
			<-finish // ignores its deadline
		}
		return nil
	})
	t.Cleanup(func() { close(finish) })
	stream := receive(t, s.streams, "stream")
	stream.call(t, "a", "hang")
	stream.call(t, "b", "hang")
	second := receive(t, s.streams, "second stream")
	second.call(t, "c", "work")
	assert.Equal(t, "work", string(second.reply(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, testTimeout, time.Millisecond)
}

func slots(h *Host) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id := range h.slots {
		ids = append(ids, id)
	}
	return ids
}
