package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/kit/dapr"
)

// ErrUnavailable is any fault between us and a finished turn: no sidecar, no placement, no host, a failed turn. The
// command may have been executed or not; it may be sent again.
var ErrUnavailable = errors.New("the actor cannot be reached at the moment")

// Sidecar is the connection to Dapr. It connects when it is first used, and again whenever it has to.
type Sidecar struct {
	conn   *grpc.ClientConn
	client client.Client
	saves  chan struct{} // one token per save in progress
}

// maxSaves bounds the saves in progress: more of them only fight for the store's locks (SQLite has one).
const maxSaves = 16

// Dial returns at once; the sidecar may come later. token is Dapr's API token, or empty.
func Dial(address, token string) (*Sidecar, error) {
	conn, err := dapr.Dial(address, token, grpc.WithChainStreamInterceptor(watchStreams))
	if err != nil {
		return nil, err
	}
	return &Sidecar{conn: conn, client: client.NewClientWithConnection(conn), saves: make(chan struct{}, maxSaves)}, nil
}

// Client is the SDK's client on this connection.
func (s *Sidecar) Client() client.Client { return s.client }

// Close ends the connection.
func (s *Sidecar) Close() error { return s.conn.Close() }

// Load reads the actor's state under key into value, and reports false when there is none.
func (s *Sidecar) Load(ctx context.Context, actorType, id, key string, value any) (bool, error) {
	got, err := s.client.GetActorState(ctx, &client.GetActorStateRequest{ActorType: actorType, ActorID: id, KeyName: key})
	if err != nil || len(got.Data) == 0 {
		return false, err
	}
	if err := json.Unmarshal(got.Data, value); err != nil {
		return false, fmt.Errorf("state %s of %s/%s: %w", key, actorType, id, err)
	}
	return true, nil
}

// Save writes value as the actor's state under key.
func (s *Sidecar) Save(ctx context.Context, actorType, id, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("state %s of %s/%s: %w", key, actorType, id, err)
	}
	select {
	case s.saves <- struct{}{}:
		defer func() { <-s.saves }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.client.SaveStateTransactionally(ctx, actorType, id, []*client.ActorStateOperation{
		{OperationType: "upsert", Key: key, Value: data},
	})
}

// remindTimeout is short: while the scheduler is away the sidecar holds a registration for as long as it may, and the
// turn that waits for it keeps cancels and the reconciler from the order.
const remindTimeout = 3 * time.Second

// Remind sets a reminder that fires once, after delay, and then every 5 s until the actor answers without an error.
// One with the same name is replaced, also from within its own turn.
func (s *Sidecar) Remind(ctx context.Context, actorType, id, name string, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, remindTimeout)
	defer cancel()
	return s.client.RegisterActorReminder(ctx, &client.RegisterActorReminderRequest{
		ActorType: actorType,
		ActorID:   id,
		Name:      name,
		DueTime:   max(delay, time.Millisecond).String(), // a duration: our clock and the scheduler's needn't agree
		// Without a policy the scheduler deletes a reminder that failed four times. No MaxRetries: without end. Retries
		// count from the due time, so after an outage the scheduler makes up for all that were missed: not too many.
		FailurePolicy: &client.JobFailurePolicyConstant{Interval: new(5 * time.Second)},
	})
}

// Unremind ends a reminder. One that does not exist is fine.
func (s *Sidecar) Unremind(ctx context.Context, actorType, id, name string) error {
	ctx, cancel := context.WithTimeout(ctx, remindTimeout)
	defer cancel()
	return s.client.UnregisterActorReminder(ctx, &client.UnregisterActorReminderRequest{ActorType: actorType, ActorID: id, Name: name})
}

// Invoker sends commands to actors of one type.
type Invoker struct {
	Sidecar *Sidecar
	Type    string
	Seal    Seal
	Timeout time.Duration // of one invocation with all its tries
	// Unproven, when given, hears of every reply that was not sealed by a host of ours: another app hosts actors of
	// this type, or a replica has other keys.
	Unproven func(method, id string)
}

// tries: what fails is tried again, because most faults pass quickly (a host that leaves, placement that moves the
// actor) and commands may be executed twice.
const tries = 3

// Invoke returns the actor's reply, or an error that wraps ErrUnavailable. A reply that is not sealed for this very call
// is no reply.
func (i Invoker) Invoke(ctx context.Context, id, method string, command any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, i.Timeout)
	defer cancel()
	wait := 100 * time.Millisecond
	for try := 1; ; try++ {
		reply, err := i.once(ctx, id, method, command)
		if err == nil {
			return reply, nil
		}
		if try == tries || !mayPass(err) {
			return nil, fmt.Errorf("%w: %s %s/%s: %w", ErrUnavailable, method, i.Type, id, err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
			wait *= 4
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s %s/%s: %w", ErrUnavailable, method, i.Type, id, err)
		}
	}
}

func (i Invoker) once(ctx context.Context, id, method string, command any) ([]byte, error) {
	body, open, err := i.Seal.Close(method, id, command)
	if err != nil {
		return nil, err
	}
	reply, err := i.Sidecar.client.InvokeActor(ctx, &client.InvokeActorRequest{ActorType: i.Type, ActorID: id, Method: method, Data: body})
	if err != nil {
		return nil, err
	}
	data, err := open(reply.Data)
	if err != nil && i.Unproven != nil {
		i.Unproven(method, id)
	}
	return data, err
}

func mayPass(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return false
	default: // the sidecar says Internal to most things
		return true
	}
}
