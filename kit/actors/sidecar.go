package actors

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"

	"orders/kit/dapr"
	"orders/kit/telemetry"
)

//go:generate env GOWORK=off go tool -modfile=../../tools/mockgen/go.mod mockgen -source=sidecar.go -destination=mock_test.go -package=actors -mock_names=actorAPI=MockActorAPI -write_command_comment=false

// actorAPI is the part of the Dapr client that invokes actors and keeps their state and reminders.
type actorAPI interface {
	InvokeActor(ctx context.Context, r *client.InvokeActorRequest) (*client.InvokeActorResponse, error)
	GetActorState(ctx context.Context, r *client.GetActorStateRequest) (*client.GetActorStateResponse, error)
	SaveStateTransactionally(ctx context.Context, actorType, id string, operations []*client.ActorStateOperation) error
	RegisterActorReminder(ctx context.Context, r *client.RegisterActorReminderRequest) error
	UnregisterActorReminder(ctx context.Context, r *client.UnregisterActorReminderRequest) error
}

// Sidecar is the connection to the Dapr sidecar. It connects on first use, and reconnects when the connection breaks.
type Sidecar struct {
	conn   *grpc.ClientConn
	client client.Client
	actors actorAPI      // client, or a mock
	saves  chan struct{} // holds one token per save in progress; nil: unlimited
}

// Dial returns a connection to the sidecar's gRPC API. It does not wait for the sidecar. token is Dapr's API token, or "".
func Dial(address, token string) (*Sidecar, error) {
	conn, err := dapr.Dial(address, token, grpc.WithChainUnaryInterceptor(sendTrace), grpc.WithChainStreamInterceptor(watchSubscription))
	if err != nil {
		return nil, err
	}
	c := client.NewClientWithConnection(conn)
	return &Sidecar{conn: conn, client: c, actors: c}, nil
}

// LimitSaves limits the number of concurrent saves. It must be called before the first one. Use it with a state store in SQLite:
// more than a few saves only compete for the lock of its one writer.
func (s *Sidecar) LimitSaves(n int) { s.saves = make(chan struct{}, n) }

// Client returns the SDK's client on this connection.
func (s *Sidecar) Client() client.Client { return s.client }

// Close closes the connection.
func (s *Sidecar) Close() error { return s.conn.Close() }

// Load decodes the actor's state under key into value. It returns false if there is none.
func (s *Sidecar) Load(ctx context.Context, actorType, id, key string, value any) (exists bool, err error) {
	ctx, span := telemetry.Start(ctx, "load", telemetry.Client)
	defer func() { span.End(err) }()
	got, err := s.actors.GetActorState(ctx, &client.GetActorStateRequest{ActorType: actorType, ActorID: id, KeyName: key})
	if err != nil || len(got.Data) == 0 {
		return false, err
	}
	if err := json.Unmarshal(got.Data, value); err != nil {
		return false, fmt.Errorf("load state %s of %s/%s: %w", key, actorType, id, err)
	}
	return true, nil
}

// Save stores value, encoded as JSON, as the actor's state under key.
func (s *Sidecar) Save(ctx context.Context, actorType, id, key string, value any) (err error) {
	ctx, span := telemetry.Start(ctx, "save", telemetry.Client)
	defer func() { span.End(err) }()
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("save state %s of %s/%s: %w", key, actorType, id, err)
	}
	if s.saves != nil {
		select {
		case s.saves <- struct{}{}:
			defer func() { <-s.saves }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.actors.SaveStateTransactionally(ctx, actorType, id, []*client.ActorStateOperation{
		{OperationType: "upsert", Key: key, Value: data},
	})
}

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
	return s.actors.RegisterActorReminder(ctx, &client.RegisterActorReminderRequest{
		ActorType: actorType,
		ActorID:   id,
		Name:      name,
		Data:      reminderData(ctx),
		DueTime:   max(delay, time.Millisecond).String(), // not a point in time: our clock and the scheduler's may differ
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
