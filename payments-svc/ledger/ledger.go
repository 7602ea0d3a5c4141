// Package ledger keeps payments in a Dapr state store.
//
// It guarantees that the first write wins: what is stored changes only from the version that its writer saw. Each call has
// a deadline of its own, so that a sidecar that hangs costs no more than that.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/payments-svc/payment"
)

// Component is the name of the Dapr state store.
const Component = "ledger"

const callLimit = 5 * time.Second

// State is the part of a Dapr client that the ledger needs.
type State interface {
	GetState(ctx context.Context, store, key string, meta map[string]string) (*dapr.StateItem, error)
	SaveStateWithETag(ctx context.Context, store, key string, data []byte, etag string, meta map[string]string, so ...dapr.StateOption) error
}

// Ledger is a payment.Store.
type Ledger struct{ state State }

var _ payment.Store = (*Ledger)(nil)

// New makes a ledger.
func New(state State) *Ledger { return &Ledger{state} }

// Load is payment.Store's.
func (l *Ledger) Load(ctx context.Context, orderID string) (payment.Payment, string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	item, err := l.state.GetState(ctx, Component, orderID, nil)
	if err != nil {
		return payment.Payment{}, "", fmt.Errorf("loading from the ledger: %w", err)
	}
	if len(item.Value) == 0 {
		return payment.Payment{}, "", nil
	}
	var p payment.Payment
	if err := json.Unmarshal(item.Value, &p); err != nil {
		return payment.Payment{}, "", fmt.Errorf("reading the ledger: %w", err)
	}
	if p.OrderID != orderID || p.Status == "" || item.Etag == "" { // deciding again on it could charge twice
		return payment.Payment{}, "", errors.New("reading the ledger: what is stored isn't this order's payment")
	}
	return p, item.Etag, nil
}

// Save is payment.Store's. An empty version inserts: with first-write concurrency Dapr refuses that for a key that exists.
func (l *Ledger) Save(ctx context.Context, p payment.Payment, version string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing to the ledger: %w", err)
	}
	err = l.state.SaveStateWithETag(ctx, Component, p.OrderID, data, version, nil,
		dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite), dapr.WithConsistency(dapr.StateConsistencyStrong))
	if status.Code(err) == codes.Aborted { // how Dapr says that the ETag doesn't match
		return fmt.Errorf("%w: %w", payment.ErrConflict, err)
	}
	if err != nil {
		return fmt.Errorf("writing to the ledger: %w", err)
	}
	return nil
}

// Ready tells whether the store answers.
func (l *Ledger) Ready(ctx context.Context) error {
	_, err := l.state.GetState(ctx, Component, "readiness", nil)
	return err
}
