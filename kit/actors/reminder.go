package actors

import (
	"context"
	"fmt"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/kit/telemetry"
)

const (
	// reminderTimeout is short: while the scheduler is down the sidecar does not answer, and the turn that waits for it
	// blocks the actor's other commands.
	reminderTimeout = 3 * time.Second
	// reminderInterval is the time between two attempts of a reminder whose turn fails. Attempts count from the due time:
	// after an outage the scheduler catches up on all missed ones, so there must not be too many.
	reminderInterval = 5 * time.Second
)

// SetReminder sets a reminder that fires once after delay, and again every 5 s until its turn succeeds. It replaces a
// reminder of the same name, and may be called in that reminder's own turn.
func (s *Sidecar) SetReminder(ctx context.Context, actorType, id, name string, delay time.Duration) (err error) {
	ctx, span := telemetry.Start(ctx, "set reminder", telemetry.Client)
	defer func() { span.End(err) }()
	ctx, cancel := context.WithTimeout(ctx, reminderTimeout)
	defer cancel()
	delay = max(delay, time.Millisecond)
	return s.actors.RegisterActorReminder(ctx, &client.RegisterActorReminderRequest{
		ActorType: actorType,
		ActorID:   id,
		Name:      name,
		DueTime:   delay.String(), // not a point in time: our clock and the scheduler's may differ
		Data:      reminderData(ctx, time.Now().Add(delay)),
		// Without a policy the scheduler deletes a reminder after four failures. Without MaxRetries it retries forever.
		FailurePolicy: &client.JobFailurePolicyConstant{Interval: new(reminderInterval)},
	})
}

// CancelReminder deletes a reminder. It is not an error if the reminder does not exist.
func (s *Sidecar) CancelReminder(ctx context.Context, actorType, id, name string) error {
	ctx, cancel := context.WithTimeout(ctx, reminderTimeout)
	defer cancel()
	return s.actors.UnregisterActorReminder(ctx, &client.UnregisterActorReminderRequest{ActorType: actorType, ActorID: id, Name: name})
}

// Reminder returns the time at which a reminder fires first, by the clock of the process that set it. found is false if the
// scheduler has no such reminder, such as after its turn has succeeded. due is zero for a reminder that SetReminder of this
// release did not set.
func (s *Sidecar) Reminder(ctx context.Context, actorType, id, name string) (due time.Time, found bool, _ error) {
	ctx, cancel := context.WithTimeout(ctx, reminderTimeout)
	defer cancel()
	got, err := s.client.GrpcClient().GetActorReminder(ctx, &pb.GetActorReminderRequest{ActorType: actorType, ActorId: id, Name: name})
	if status.Code(err) == codes.NotFound {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read reminder %s of %s/%s: %w", name, actorType, id, err)
	}
	return plannedDue(got.GetData()), true, nil
}
