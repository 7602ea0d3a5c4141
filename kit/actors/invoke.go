package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/kit/retry"
)

// ErrUnavailable is a failure between the caller and the end of the turn: no sidecar, no placement, no host, or a failed
// turn. It is unknown whether the command was executed. The caller may send it again.
var ErrUnavailable = errors.New("the actor cannot be reached at the moment")

// Invoker sends commands to actors of one type.
type Invoker struct {
	Sidecar *Sidecar
	Type    string
	Seal    Seal
	Timeout time.Duration // of one Invoke, with its retries
	// OnUnsealedReply, if set, is called for each reply that is not sealed with one of our keys: another app hosts actors of
	// this type, or a replica has other keys.
	OnUnsealedReply func(method, id string)
}

// Most failures pass quickly, such as a host that stops or placement that moves the actor.
const (
	maxAttempts = 3
	firstPause  = 100 * time.Millisecond // after the first attempt; four times as long after the second
)

// Invoke returns the actor's reply, or an error that wraps ErrUnavailable. It ignores a reply that is not sealed for this
// command. Invoke retries, so the actor may execute the command more than once.
func (i Invoker) Invoke(ctx context.Context, id, method string, command any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, i.Timeout)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		reply, err := i.attempt(ctx, id, method, command)
		if err == nil {
			return reply, nil
		}
		if attempt < maxAttempts && retryable(err) {
			retry.Sleep(ctx, pause)
			pause *= 4
			if ctx.Err() == nil {
				continue
			}
		}
		return nil, fmt.Errorf("%w: %s %s/%s: %w", ErrUnavailable, method, i.Type, id, err)
	}
}

func (i Invoker) attempt(ctx context.Context, id, method string, command any) ([]byte, error) {
	body, open, err := i.Seal.Close(method, id, command)
	if err != nil {
		return nil, err
	}
	reply, err := i.Sidecar.actors.InvokeActor(ctx, &client.InvokeActorRequest{ActorType: i.Type, ActorID: id, Method: method, Data: body})
	if err != nil {
		return nil, err
	}
	data, err := open(reply.Data)
	if err != nil && i.OnUnsealedReply != nil {
		i.OnUnsealedReply(method, id)
	}
	return data, err
}

func retryable(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return false
	default: // the sidecar uses Internal for most failures
		return true
	}
}
