// Package paymenttest has a payment.Store in memory with the same promise as the real one: the first write wins.
package paymenttest

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"orders/payments-svc/payment"
)

// Store is a payment.Store for tests. The zero value is empty. For concurrent use.
type Store struct {
	mu     sync.Mutex
	stored map[string]record
	failed error
}

type record struct {
	payment payment.Payment
	version int
}

var _ payment.Store = (*Store)(nil)

// Fail makes every call fail with err, until it is nil again.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
}

// Load is payment.Store's.
func (s *Store) Load(_ context.Context, orderID string) (payment.Payment, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.stored[orderID]
	if s.failed != nil || !ok {
		return payment.Payment{}, "", s.failed
	}
	r.payment.Entries = slices.Clone(r.payment.Entries)
	return r.payment, strconv.Itoa(r.version), nil
}

// Save is payment.Store's.
func (s *Store) Save(_ context.Context, p payment.Payment, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	r, ok := s.stored[p.OrderID]
	if ok != (version != "") || ok && version != strconv.Itoa(r.version) {
		return payment.ErrConflict
	}
	if s.stored == nil {
		s.stored = map[string]record{}
	}
	p.Entries = slices.Clone(p.Entries)
	s.stored[p.OrderID] = record{p, r.version + 1}
	return nil
}
