package payment

import (
	"context"
	"fmt"
	"time"
)

// Removed is the status of a payment whose order was removed. Nothing is left of it but the order's id and the time of the removal,
// so that it is never decided again. It is final.
const Removed Status = "removed"

// ReasonRemoved is the reason of a payment that is declined because its order was removed.
const ReasonRemoved = "removed"

// Remove returns the removed payment, and whether it has changed. An undecided payment is removed too: no decision follows.
func (p Payment) Remove(r Request, now time.Time) (Payment, bool, error) {
	if p.Status == Removed {
		return p, false, nil
	}
	if p.decided() {
		if err := p.check(r); err != nil {
			return p, false, err
		}
	}
	return Payment{OrderID: r.OrderID, Status: Removed, DecidedAt: timestamp(now), Entries: []Entry{}}, true, nil
}

// Remove removes the order's payment from the ledger. The caller must know that the order is final and has no pending void. It
// returns ErrMismatch, or an error of the store.
func (s *Service) Remove(ctx context.Context, r Request) (Payment, error) {
	p, err := s.update(ctx, r.OrderID, false, func(p Payment) (Payment, bool, error) { return p.Remove(r, s.Now()) })
	if err != nil {
		return Payment{}, fmt.Errorf("remove payment of order %s: %w", r.OrderID, err)
	}
	return p, nil
}
