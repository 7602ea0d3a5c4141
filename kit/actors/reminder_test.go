package actors

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"orders/kit/gentest"
)

func TestMockIsGenerated(t *testing.T) { gentest.Fresh(t, "mock_test.go") }

// mockSidecar returns a Sidecar whose calls go to the mock.
func mockSidecar(t *testing.T) (*Sidecar, *MockActorAPIMockRecorder) {
	api := NewMockActorAPI(gomock.NewController(t))
	return &Sidecar{actors: api}, api.EXPECT()
}

// withTimeout matches a context that ends within d.
func withTimeout(d time.Duration) gomock.Matcher {
	return gomock.Cond(func(ctx context.Context) bool {
		end, ok := ctx.Deadline()
		return ok && time.Until(end) <= d
	})
}

// A reminder must be retried forever, and a scheduler that does not answer must not block the turn.
func TestSetReminderIsRetriedUntilItsTurnSucceeds(t *testing.T) {
	interval := 5 * time.Second
	for due, delay := range map[string]time.Duration{"1m0s": time.Minute, "1ms": -time.Hour} {
		s, expect := mockSidecar(t)
		expect.RegisterActorReminder(withTimeout(reminderTimeout), &client.RegisterActorReminderRequest{
			ActorType: "Thing", ActorID: "1", Name: "expire", DueTime: due,
			FailurePolicy: &client.JobFailurePolicyConstant{Interval: &interval, MaxRetries: nil},
		})
		require.NoError(t, s.SetReminder(t.Context(), "Thing", "1", "expire", delay))
	}
}

func TestCancelReminder(t *testing.T) {
	s, expect := mockSidecar(t)
	expect.UnregisterActorReminder(withTimeout(reminderTimeout), &client.UnregisterActorReminderRequest{ActorType: "Thing", ActorID: "1", Name: "expire"})
	require.NoError(t, s.CancelReminder(t.Context(), "Thing", "1", "expire"))
}

func TestSaveAndLoad(t *testing.T) {
	s, expect := mockSidecar(t)
	expect.SaveStateTransactionally(gomock.Any(), "Thing", "1", []*client.ActorStateOperation{{OperationType: "upsert", Key: "text", Value: []byte(`"hello"`)}})
	require.NoError(t, s.Save(t.Context(), "Thing", "1", "text", "hello"))

	request := &client.GetActorStateRequest{ActorType: "Thing", ActorID: "1", KeyName: "text"}
	expect.GetActorState(gomock.Any(), request).Return(&client.GetActorStateResponse{Data: []byte(`"hello"`)}, nil)
	var text string
	found, err := s.Load(t.Context(), "Thing", "1", "text", &text)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "hello", text)

	expect.GetActorState(gomock.Any(), request).Return(&client.GetActorStateResponse{}, nil)
	found, err = s.Load(t.Context(), "Thing", "1", "text", &text)
	require.NoError(t, err)
	assert.False(t, found)

	expect.GetActorState(gomock.Any(), request).Return(&client.GetActorStateResponse{Data: []byte(`{`)}, nil)
	_, err = s.Load(t.Context(), "Thing", "1", "text", &text)
	require.ErrorContains(t, err, "load state text of Thing/1")
}

func TestSavesAreLimitedOnlyIfAsked(t *testing.T) {
	const saves = 100
	for limit, want := range map[int]int{0: saves, 3: 3} {
		synctest.Test(t, func(t *testing.T) {
			s, expect := mockSidecar(t)
			if limit > 0 {
				s.LimitSaves(limit)
			}
			var running atomic.Int32
			finish := make(chan struct{})
			expect.SaveStateTransactionally(gomock.Any(), "Thing", "1", gomock.Any()).Times(saves).
				DoAndReturn(func(context.Context, string, string, []*client.ActorStateOperation) error {
					running.Add(1)
					<-finish
					return nil
				})
			var all sync.WaitGroup
			for range saves {
				all.Go(func() { assert.NoError(t, s.Save(t.Context(), "Thing", "1", "state", 1)) })
			}
			synctest.Wait()
			assert.EqualValues(t, want, running.Load())
			close(finish)
			all.Wait()
		})
	}
}
