package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/examples/seat/seat"
)

// store keeps seats in Dapr's state store. Its ETags decide when two hosts run one seat, which states of actors do not have.
type store struct{ dapr client.Client }

const component = "statestore"

// Load implements seat.Store.
func (s store) Load(ctx context.Context, id string) (found seat.Seat, version string, err error) {
	item, err := s.dapr.GetState(ctx, component, "seat-"+id, nil)
	if err != nil {
		return found, "", fmt.Errorf("load seat %s: %w", id, err)
	}
	if len(item.Value) > 0 {
		err = json.Unmarshal(item.Value, &found)
	}
	return found, item.Etag, err
}

// Save implements seat.Store.
func (s store) Save(ctx context.Context, id string, changed seat.Seat, version string) error {
	data, err := json.Marshal(changed)
	if err != nil {
		return err
	}
	err = s.dapr.SaveStateWithETag(ctx, component, "seat-"+id, data, version, nil,
		client.WithConcurrency(client.StateConcurrencyFirstWrite), client.WithConsistency(client.StateConsistencyStrong))
	if status.Code(err) == codes.Aborted {
		return fmt.Errorf("save seat %s: %w", id, seat.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("save seat %s: %w", id, err)
	}
	return nil
}
