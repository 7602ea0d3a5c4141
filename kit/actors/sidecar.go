package actors

import (
	"context"
	"encoding/json"
	"fmt"

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
