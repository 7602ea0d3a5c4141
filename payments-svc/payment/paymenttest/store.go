// Package paymenttest has a payment.Store in memory, and a test for all implementations of payment.Store.
package paymenttest

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"orders/payments-svc/payment"
)

// Store is a payment.Store in memory. The zero value is empty. It is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	stored map[string]record
	err    error
}

type record struct {
	payment payment.Payment
	version int
}

var _ payment.Store = (*Store)(nil)

// Fail makes all calls return err. nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Load implements payment.Store.
func (s *Store) Load(_ context.Context, orderID string) (payment.Payment, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.stored[orderID]
	if s.err != nil || !ok {
		return payment.Payment{}, "", s.err
	}
	r.payment.Entries = slices.Clone(r.payment.Entries)
	return r.payment, strconv.Itoa(r.version), nil
}

// Save implements payment.Store.
func (s *Store) Save(_ context.Context, p payment.Payment, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
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
