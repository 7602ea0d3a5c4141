package payment

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store stores one payment per order. Package paymenttest has a test for implementations.
type Store interface {
	// Load returns the payment and its version. Both are zero if there is none.
	Load(ctx context.Context, orderID string) (p Payment, version string, err error)
	// Save stores the payment if the stored one has the given version, or if there is none and version is "". Otherwise it
	// returns ErrConflict.
	Save(ctx context.Context, p Payment, version string) error
}

// ErrConflict is returned by a Store after a concurrent write.
var ErrConflict = errors.New("the payment was changed concurrently")

// ErrNotFound is returned by Find for an order without a payment.
var ErrNotFound = errors.New("no such payment")

// ErrOtherLedger means that the caller's earlier payments are in another ledger. A decision of this one could charge an order again.
var ErrOtherLedger = errors.New("this ledger does not have the earlier payments")

// maxAttempts of a write. A payment changes at most twice, so the third attempt finds nothing to change.
const maxAttempts = 5

// Service decides payments and stores the decisions. Its methods are safe for concurrent use, so its functions must be too.
type Service struct {
	Store   Store
	Confirm func() bool // decides whether a payment is confirmed
	Now     func() time.Time
	// Process, if set, is called before a decision. It simulates the latency and the failures of a payment provider. A decided
	// payment is not processed again, so a retry after a timeout returns the decision at once. Without it a decision costs
	// nothing, so Pay first inserts one, which the store rejects if there is another.
	Process func(ctx context.Context) error
}

// Pay decides the order's payment, or returns an earlier decision. It returns ErrMismatch, or an error of the store or of
// Process.
func (s *Service) Pay(ctx context.Context, r Request) (Payment, error) {
	process := s.Process
	p, err := s.update(ctx, r.OrderID, process == nil, func(p Payment) (Payment, bool, error) {
		if !p.decided() && process != nil {
			if err := process(ctx); err != nil {
				return Payment{}, false, err
			}
			process = nil // not again after a conflict
		}
		return p.Pay(r, s.Now(), s.Confirm)
	})
	if err != nil {
		return Payment{}, fmt.Errorf("pay order %s: %w", r.OrderID, err)
	}
	return p.Response(), nil
}

// Void voids the order's payment. It returns ErrMismatch, or an error of the store.
func (s *Service) Void(ctx context.Context, r Request) (Payment, error) {
	p, err := s.update(ctx, r.OrderID, false, func(p Payment) (Payment, bool, error) { return p.Void(r, s.Now()) })
	if err != nil {
		return Payment{}, fmt.Errorf("void payment of order %s: %w", r.OrderID, err)
	}
	if p.Status == Removed { // no charge can follow either
		p.Status = Voided
	}
	return p, nil
}

// Find returns the order's payment. It returns ErrNotFound, or an error of the store.
func (s *Service) Find(ctx context.Context, orderID string) (Payment, error) {
	p, _, err := s.Store.Load(ctx, orderID)
	if err == nil && !p.decided() {
		err = ErrNotFound
	}
	if err != nil {
		return Payment{}, fmt.Errorf("load payment of order %s: %w", orderID, err)
	}
	return p, nil
}

// update changes the stored payment. With insertFirst, the first attempt is for an order without a payment.
func (s *Service) update(ctx context.Context, orderID string, insertFirst bool, change func(Payment) (Payment, bool, error)) (Payment, error) {
	for attempt := range maxAttempts {
		var p Payment
		var version string
		if attempt > 0 || !insertFirst {
			var err error
			if p, version, err = s.Store.Load(ctx, orderID); err != nil {
				return p, err
			}
		}
		next, changed, err := change(p)
		if err != nil || !changed {
			return next, err
		}
		if err = s.Store.Save(ctx, next, version); !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return Payment{}, fmt.Errorf("%d attempts: %w", maxAttempts, ErrConflict)
}
