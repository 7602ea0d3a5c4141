package payment

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store keeps one payment per order. The first write wins: Save returns ErrConflict unless the stored payment still has
// the version that Load returned with it ("" when there was none, and with it the zero Payment).
type Store interface {
	Load(ctx context.Context, orderID string) (p Payment, version string, err error)
	Save(ctx context.Context, p Payment, version string) error
}

// ErrConflict is returned by a Store when somebody else wrote first.
var ErrConflict = errors.New("the payment was written by another")

// ErrNotFound is returned by Find for an order that nothing is known of.
var ErrNotFound = errors.New("no such payment")

// A payment changes twice in its life. Whoever lost that often meets what won.
const maxTries = 5

// Service decides and keeps what it decided.
type Service struct {
	Store   Store
	Confirm func() bool // rolls whether a payment is confirmed; for concurrent use
	Now     func() time.Time
	// Process takes the time that a decision takes, and may fail; nil for at once. A payment that is decided already is not
	// processed again: a caller that gave up on a slow decision gets it when it repeats the call.
	Process func(ctx context.Context) error
}

// Pay returns what was decided about the order's payment, by this call or by an earlier one. Errors: ErrMismatch, and those
// of the store and of Process.
func (s *Service) Pay(ctx context.Context, r Request) (Payment, error) {
	process := s.Process
	p, err := s.update(ctx, r.OrderID, func(p Payment) (Payment, bool, error) {
		if !p.decided() && process != nil {
			if err := process(ctx); err != nil {
				return Payment{}, false, err
			}
			process = nil // once, however often the write conflicts
		}
		return p.Pay(r, s.Now(), s.Confirm)
	})
	if err != nil {
		return Payment{}, fmt.Errorf("paying order %s: %w", r.OrderID, err)
	}
	return p.Answer(), nil
}

// Void returns the voided payment. Errors: ErrMismatch, and the store's.
func (s *Service) Void(ctx context.Context, r Request) (Payment, error) {
	p, err := s.update(ctx, r.OrderID, func(p Payment) (Payment, bool, error) { return p.Void(r, s.Now()) })
	if err != nil {
		return Payment{}, fmt.Errorf("voiding order %s: %w", r.OrderID, err)
	}
	return p, nil
}

// Find returns what is stored. Errors: ErrNotFound, and the store's.
func (s *Service) Find(ctx context.Context, orderID string) (Payment, error) {
	p, _, err := s.Store.Load(ctx, orderID)
	if err == nil && !p.decided() {
		err = ErrNotFound
	}
	if err != nil {
		return Payment{}, fmt.Errorf("finding the payment of order %s: %w", orderID, err)
	}
	return p, nil
}

func (s *Service) update(ctx context.Context, orderID string, change func(Payment) (Payment, bool, error)) (Payment, error) {
	for range maxTries {
		p, version, err := s.Store.Load(ctx, orderID)
		if err != nil {
			return p, err
		}
		next, changed, err := change(p)
		if err != nil || !changed {
			return next, err
		}
		if err = s.Store.Save(ctx, next, version); !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return Payment{}, fmt.Errorf("%d tries: %w", maxTries, ErrConflict)
}
