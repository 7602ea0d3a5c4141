package actors

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

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
		synctest.Test(t, func(t *testing.T) {
			s, expect := mockSidecar(t)
			expect.RegisterActorReminder(withTimeout(reminderTimeout), &client.RegisterActorReminderRequest{
				ActorType: "Thing", ActorID: "1", Name: "expire", DueTime: due,
				Data:          []byte(time.Now().Add(max(delay, time.Millisecond)).UTC().Format(time.RFC3339Nano)),
				FailurePolicy: &client.JobFailurePolicyConstant{Interval: &interval, MaxRetries: nil},
			})
			require.NoError(t, s.SetReminder(t.Context(), "Thing", "1", "expire", delay))
		})
	}
}

func TestCancelReminder(t *testing.T) {
	s, expect := mockSidecar(t)
	expect.UnregisterActorReminder(withTimeout(reminderTimeout), &client.UnregisterActorReminderRequest{ActorType: "Thing", ActorID: "1", Name: "expire"})
	require.NoError(t, s.CancelReminder(t.Context(), "Thing", "1", "expire"))
}

func TestReminderReturnsWhenItIsDue(t *testing.T) {
	due := time.Date(2026, 11, 24, 9, 30, 0, 120_000_000, time.UTC)
	stored := func(data []byte) *pb.GetActorReminderResponse { // as daprd stores the data of a registration
		encoded, err := json.Marshal(data)
		require.NoError(t, err)
		wrapped, err := anypb.New(wrapperspb.Bytes(encoded))
		require.NoError(t, err)
		return &pb.GetActorReminderResponse{DueTime: new("10s"), Data: wrapped}
	}
	foreign, err := anypb.New(wrapperspb.String("x"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		answer *pb.GetActorReminderResponse
		err    error
		due    time.Time
		found  bool
		failed bool
	}{
		"set":                        {answer: stored([]byte(due.Format(time.RFC3339Nano))), due: due, found: true},
		"set by an earlier release":  {answer: &pb.GetActorReminderResponse{DueTime: new("10s")}, found: true},
		"set by another program":     {answer: &pb.GetActorReminderResponse{Data: foreign}, found: true},
		"set with other data":        {answer: stored([]byte("tomorrow")), found: true},
		"not set":                    {err: status.Error(codes.NotFound, "actor reminder not found")},
		"scheduler is not available": {err: status.Error(codes.Internal, "error getting actor reminder"), failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFakeSidecar(t)
			fake.reminder = func(r *pb.GetActorReminderRequest) (*pb.GetActorReminderResponse, error) {
				assert.Equal(t, []string{"Thing", "1", "expire"}, []string{r.GetActorType(), r.GetActorId(), r.GetName()})
				return c.answer, c.err
			}
			s, err := Dial(fake.addr, "")
			require.NoError(t, err)
			defer s.Close()
			due, found, err := s.Reminder(t.Context(), "Thing", "1", "expire")
			assert.Equal(t, c.failed, err != nil)
			assert.Equal(t, c.found, found)
			assert.Equal(t, c.due, due)
		})
	}
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
