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
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestRunReturnsWhateverTheSidecarDoes(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	away, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, away.Close())

	deaf := newStandIn(t) // takes the stream, never acknowledges
	deaf.stream = func(s pb.Dapr_SubscribeActorEventsAlpha1Server) error {
		<-s.Context().Done()
		return s.Context().Err()
	}
	refusing := newStandIn(t)
	refusing.stream = func(pb.Dapr_SubscribeActorEventsAlpha1Server) error {
		return status.Error(codes.FailedPrecondition, "no")
	}

	for name, addr := range map[string]string{
		"silent": silent.Addr().String(), "away": away.Addr().String(), "deaf": deaf.addr, "refusing": refusing.addr,
	} {
		t.Run(name, func(t *testing.T) {
			h, stop := hostThings(t, addr, Config{AckTimeout: 50 * time.Millisecond}, nil)
			if name == "deaf" || name == "refusing" { // it doesn't give up
				s := map[string]*standIn{"deaf": deaf, "refusing": refusing}[name]
				require.Eventually(t, func() bool { return s.opened.Load() >= 3 }, patience, time.Millisecond)
			}
			assert.False(t, h.Ready())
			stop()
		})
	}
}

func TestItConnectsAgainHoweverTheStreamEnds(t *testing.T) {
	s := newStandIn(t)
	h, _ := hostThings(t, s.addr, Config{}, func(context.Context, *thing, string) error { return nil })
	for _, end := range []error{nil, status.Error(codes.Canceled, "bye"), status.Error(codes.Unavailable, "bye")} {
		live := receive(t, s.streams, "stream")
		require.Eventually(t, h.Ready, patience, time.Millisecond)
		live.breakUp <- end
	}
	live := receive(t, s.streams, "stream")
	live.call(t, "a", "hello")
	assert.Equal(t, "hello", string(live.answer(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, patience, time.Millisecond)
}

func TestTurnsOfOneActorDoNotOverlapAndThoseOfOthersDo(t *testing.T) {
	s := newStandIn(t)
	var mu sync.Mutex
	running := map[string]int{}
	together := make(chan struct{})
	_, _ = hostThings(t, s.addr, Config{}, func(_ context.Context, a *thing, what string) error {
		mu.Lock()
		running[a.id]++
		assert.Equal(t, 1, running[a.id])
		both := running["a"] == 1 && running["b"] == 1
		mu.Unlock()
		if both {
			close(together)
		}
		if what == "meet" {
			<-together // only ends when both actors' turns run at the same time
		}
		mu.Lock()
		running[a.id]--
		mu.Unlock()
		return nil
	})
	live := receive(t, s.streams, "stream")
	live.call(t, "a", "meet")
	live.call(t, "b", "meet")
	live.answer(t)
	live.answer(t)
	for range 50 {
		live.call(t, "a", "work")
	}
	for range 50 {
		assert.NotNil(t, live.answer(t).GetInvokeResponse())
	}
}

func TestATurnRunsToItsEndThoughTheStreamBreaks(t *testing.T) {
	s := newStandIn(t)
	begun, finish, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	_, stop := hostThings(t, s.addr, Config{}, func(ctx context.Context, _ *thing, what string) error {
		if what == "long" {
			close(begun)
			<-finish
			_, hasDeadline := ctx.Deadline()
			assert.True(t, hasDeadline)
			result <- ctx.Err()
		}
		return nil
	})
	live := receive(t, s.streams, "stream")
	live.call(t, "a", "long")
	receive(t, begun, "turn")
	live.breakUp <- errors.New("gone")
	again := receive(t, s.streams, "second stream")
	again.call(t, "b", "other")
	again.answer(t)
	again.call(t, "a", "after") // must wait for the turn of the old stream
	close(finish)
	require.NoError(t, receive(t, result, "end of the turn"))
	assert.Equal(t, "after", string(again.answer(t).GetInvokeResponse().GetData()))
	stop()
}

func TestAnActivationEndsWithAnErrorAPanicADeactivationAndTheStream(t *testing.T) {
	s := newStandIn(t)
	var mu sync.Mutex
	seen := map[*thing]bool{}
	h, _ := hostThings(t, s.addr, Config{}, func(_ context.Context, a *thing, what string) error {
		mu.Lock()
		seen[a] = true
		mu.Unlock()
		switch what {
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
	live := receive(t, s.streams, "stream")
	call := func(what string) *pb.SubscribeActorEventsRequestAlpha1 {
		live.call(t, "a", what)
		return live.answer(t)
	}
	call("work")
	call("work")
	assert.Equal(t, 1, activations(), "an activation lasts")
	assert.NotNil(t, call("fail").GetRequestFailed())
	call("work")
	assert.Equal(t, 2, activations(), "a failed turn ends it")
	assert.NotNil(t, call("panic").GetRequestFailed())
	call("work")
	assert.Equal(t, 3, activations(), "a panic ends it")
	live.remind(t, "a", "fail")
	assert.NotNil(t, live.answer(t).GetRequestFailed(), "so that the reminder comes again")
	live.remind(t, "a", "work")
	assert.NotNil(t, live.answer(t).GetReminderResponse())
	assert.Equal(t, 4, activations(), "a failed reminder ends it")
	live.deactivate(t, "a")
	assert.NotNil(t, live.answer(t).GetDeactivateResponse())
	assert.Empty(t, slots(h), "nothing is kept of an actor that isn't active")
	call("work")
	assert.Equal(t, 5, activations(), "a deactivation ends it")
	live.breakUp <- nil
	live = receive(t, s.streams, "second stream")
	assert.Empty(t, slots(h))
	call("work")
	assert.Equal(t, 6, activations(), "the end of the stream ends it")
}

func TestAPanicAroundATurnCostsThatTurnOnly(t *testing.T) {
	s := newStandIn(t)
	h, _ := hostThings(t, s.addr, Config{Observe: func(turn string, _ time.Duration, _ error) {
		if turn == "unlucky" {
			panic("ouch")
		}
	}}, func(context.Context, *thing, string) error { return nil })
	live := receive(t, s.streams, "stream")
	for range 3 {
		live.call(t, "a", "unlucky")
		assert.NotNil(t, live.answer(t).GetRequestFailed())
		live.call(t, "a", "work")
		assert.Equal(t, "work", string(live.answer(t).GetInvokeResponse().GetData()))
	}
	live.deactivate(t, "a")
	live.answer(t)
	assert.Empty(t, slots(h))
}

func TestADeactivationDoesNotWaitForTheTurn(t *testing.T) {
	s := newStandIn(t)
	finish := make(chan struct{})
	h, _ := hostThings(t, s.addr, Config{}, func(context.Context, *thing, string) error {
		<-finish
		return nil
	})
	live := receive(t, s.streams, "stream")
	live.call(t, "a", "long")
	require.Eventually(t, func() bool { return len(slots(h)) == 1 }, patience, time.Millisecond)
	live.deactivate(t, "a")
	assert.NotNil(t, live.answer(t).GetDeactivateResponse())
	close(finish)
	assert.NotNil(t, live.answer(t).GetInvokeResponse())
	require.Eventually(t, func() bool { return len(slots(h)) == 0 }, patience, time.Millisecond)
}

func TestStoppingAnswersWhatHasBegunAndBeginsNothing(t *testing.T) {
	s := newStandIn(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	var turns atomic.Int32
	h, stop := hostThings(t, s.addr, Config{}, func(_ context.Context, _ *thing, what string) error {
		turns.Add(1)
		if what == "long" {
			close(begun)
			<-finish
		}
		return nil
	})
	live := receive(t, s.streams, "stream")
	require.Eventually(t, h.Ready, patience, time.Millisecond)
	live.call(t, "a", "long")
	receive(t, begun, "turn")
	go stop()
	require.Eventually(t, h.stopping.Load, patience, time.Millisecond)
	assert.False(t, h.Ready())
	live.call(t, "b", "late")
	close(finish)
	assert.Equal(t, "long", string(live.answer(t).GetInvokeResponse().GetData()))
	receive(t, live.closed, "end of the stream")
	stop()
	assert.Empty(t, live.answers)
	assert.EqualValues(t, 1, turns.Load())
}

func TestStoppingDoesNotWaitForeverForATurn(t *testing.T) {
	s := newStandIn(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	defer close(finish)
	_, stop := hostThings(t, s.addr, Config{Drain: 10 * time.Millisecond}, func(context.Context, *thing, string) error {
		close(begun)
		<-finish
		return nil
	})
	receive(t, s.streams, "stream").call(t, "a", "stuck")
	receive(t, begun, "turn")
	stop()
}

func TestNoMoreCallbacksAtOnceThanAllowed(t *testing.T) {
	s := newStandIn(t)
	var running atomic.Int32
	finish := make(chan struct{})
	_, _ = hostThings(t, s.addr, Config{MaxTurns: 3}, func(context.Context, *thing, string) error {
		assert.LessOrEqual(t, running.Add(1), int32(3))
		<-finish
		running.Add(-1)
		return nil
	})
	live := receive(t, s.streams, "stream")
	for i := range 20 {
		live.call(t, strconv.Itoa(i), "work")
	}
	require.Eventually(t, func() bool { return running.Load() == 3 }, patience, time.Millisecond)
	close(finish)
	for range 20 {
		live.answer(t)
	}
}

func TestMessagesOfANewerDaprDoNotStopTheTurns(t *testing.T) {
	s := newStandIn(t)
	var logged bytes.Buffer
	var counted atomic.Int32
	h, stop := hostThings(t, s.addr, Config{
		Log:            slog.New(slog.NewTextHandler(&logged, nil)),
		UnknownMessage: func(int) { counted.Add(1) },
	}, func(context.Context, *thing, string) error { return nil })
	live := receive(t, s.streams, "stream")
	for i := range 2000 {
		live.unknown(t, 900+protowire.Number(i%2))
	}
	live.call(t, "a", "work")
	assert.Equal(t, "work", string(live.answer(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, patience, time.Millisecond)
	stop()
	assert.EqualValues(t, 2000, counted.Load())
	for _, kind := range []string{"kind=900", "kind=901"} {
		assert.Equal(t, 1, strings.Count(logged.String(), kind), "each kind is logged once")
	}
}

func TestAHostWhoseCallbacksAreNeverAnsweredConnectsAgain(t *testing.T) {
	s := newStandIn(t)
	finish := make(chan struct{})
	h, _ := hostThings(t, s.addr, Config{MaxTurns: 2, TurnTimeout: time.Millisecond}, func(_ context.Context, _ *thing, what string) error {
		if what == "hang" {
			<-finish // whatever its deadline is
		}
		return nil
	})
	t.Cleanup(func() { close(finish) })
	live := receive(t, s.streams, "stream")
	live.call(t, "a", "hang")
	live.call(t, "b", "hang")
	again := receive(t, s.streams, "second stream")
	again.call(t, "c", "work")
	assert.Equal(t, "work", string(again.answer(t).GetInvokeResponse().GetData()))
	require.Eventually(t, h.Ready, patience, time.Millisecond)
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
