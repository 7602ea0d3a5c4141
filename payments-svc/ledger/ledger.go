// Package ledger stores payments in a Dapr state store.
//
// The first write wins: a write succeeds only if the stored payment still has the version that the writer has loaded.
// Each call has its own timeout, so a sidecar that hangs cannot block a request for long.
package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/payments-svc/payment"
)

// Component is the name of the Dapr state store.
const Component = "ledger"

const callTimeout = 5 * time.Second

//go:generate env GOWORK=off go tool -modfile=../../tools/mockgen/go.mod mockgen -source=ledger.go -destination=mock_test.go -package=ledger -write_command_comment=false

// State is the part of the Dapr client that the ledger uses.
type State interface {
	GetState(ctx context.Context, store, key string, meta map[string]string) (*dapr.StateItem, error)
	SaveStateWithETag(ctx context.Context, store, key string, data []byte, etag string, meta map[string]string, so ...dapr.StateOption) error
}

// Ledger is a payment.Store.
type Ledger struct {
	state State
	id    atomic.Pointer[lastID] // nil before the first read
}

var _ payment.Store = (*Ledger)(nil)

// New returns a ledger in the component named Component.
func New(state State) *Ledger { return &Ledger{state: state} }

// Load implements payment.Store.
func (l *Ledger) Load(ctx context.Context, orderID string) (_ payment.Payment, version string, err error) {
	defer func(start time.Time) { observe("load", start, err) }(time.Now())
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	item, err := l.state.GetState(ctx, Component, orderID, nil)
	if err != nil {
		return payment.Payment{}, "", fmt.Errorf("load payment of order %s: %w", orderID, err)
	}
	if len(item.Value) == 0 {
		return payment.Payment{}, "", nil
	}
	var p payment.Payment
	if err := json.Unmarshal(item.Value, &p); err != nil {
		return payment.Payment{}, "", fmt.Errorf("load payment of order %s: %w", orderID, err)
	}
	if p.OrderID != orderID || p.Status == "" || item.Etag == "" { // a new decision could charge twice
		return payment.Payment{}, "", fmt.Errorf("load payment of order %s: state store returned something else", orderID)
	}
	return p, item.Etag, nil
}

// Save implements payment.Store. An empty version inserts: with first-write concurrency Dapr refuses an insert of an
// existing key.
func (l *Ledger) Save(ctx context.Context, p payment.Payment, version string) (err error) {
	defer func(start time.Time) { observe("save", start, err) }(time.Now())
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("save payment of order %s: %w", p.OrderID, err)
	}
	err = l.state.SaveStateWithETag(ctx, Component, p.OrderID, data, version, nil,
		dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite), dapr.WithConsistency(dapr.StateConsistencyStrong))
	if status.Code(err) == codes.Aborted { // Dapr's status code for an ETag mismatch
		return fmt.Errorf("%w: %w", payment.ErrConflict, err)
	}
	if err != nil && version == "" {
		// Dapr's PostgreSQL component refuses an insert of an existing key with the code of any other failure.
		if _, stored, loadErr := l.Load(ctx, p.OrderID); loadErr == nil && stored != "" {
			return fmt.Errorf("%w: %w", payment.ErrConflict, err)
		}
	}
	if err != nil {
		return fmt.Errorf("save payment of order %s: %w", p.OrderID, err)
	}
	return nil
}

// Ready returns an error if the state store does not answer.
func (l *Ledger) Ready(ctx context.Context) error {
	_, err := l.state.GetState(ctx, Component, "readiness", nil)
	if err != nil {
		return fmt.Errorf("check ledger: %w", err)
	}
	return nil
}
