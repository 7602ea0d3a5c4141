// Package order is the domain: what an order is, which commands move it, and what it refuses. It is pure: it knows
// no Dapr, no HTTP and no SQL, reads no clock, and the same state and command always give the same answer.
//
// It guarantees that an order follows api/order-machine.json, that its version grows by one with each transition, that its
// history tells every transition, and that no command changes an order in a final status.
package order

import (
	"slices"
	"time"
)

// Order is what the world sees of an order. Money is in minor units of Currency (cents for EUR), times are UTC.
type Order struct {
	ID           string        `json:"id"`
	Customer     string        `json:"customer"`
	Status       Status        `json:"status"`
	Version      int           `json:"version"`
	Items        []Item        `json:"items"`
	Currency     string        `json:"currency"`
	Total        int64         `json:"total"`
	CreatedAt    time.Time     `json:"createdAt"`
	UpdatedAt    time.Time     `json:"updatedAt"`
	DeliverAt    *time.Time    `json:"deliverAt,omitempty"` // when it is due; set once it is confirmed
	Payment      Payment       `json:"payment"`
	Cancellation *Cancellation `json:"cancellation,omitempty"`
	History      []Entry       `json:"history,omitempty"`
}

// Item is one line of an order. UnitPrice is in minor units.
type Item struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int64  `json:"unitPrice"`
}

// PaymentStatus is where an order's payment stands.
type PaymentStatus string

// The payment's statuses. A cancelled order's payment is voided from the moment of the cancel: whatever payments-svc
// says later, nobody is charged (State.VoidOwed tells whether payments-svc knows already).
const (
	PaymentPending PaymentStatus = "pending"
	PaymentDone    PaymentStatus = "confirmed"
	PaymentRefused PaymentStatus = "declined"
	PaymentVoided  PaymentStatus = "voided"
)

// Payment is an order's payment. Attempts counts the calls to payments-svc; LastError says why the last one that is known
// failed, as long as nothing is decided. Both may change while the order waits, without a new version.
type Payment struct {
	Status    PaymentStatus `json:"status"`
	Reason    string        `json:"reason,omitempty"`
	Attempts  int           `json:"attempts"`
	LastError string        `json:"lastError,omitempty"`
}

// Party is who caused a transition.
type Party string

// The parties. System is the reminder or the reconciler.
const (
	ByCustomer Party = "customer"
	ByOperator Party = "operator"
	ByPayment  Party = "payment"
	BySystem   Party = "system"
)

// Cancellation says who ended the order, and why.
type Cancellation struct {
	By     Party  `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// Entry is one transition in an order's history.
type Entry struct {
	Version int       `json:"version"`
	Status  Status    `json:"status"`
	At      time.Time `json:"at"`
	Cause   string    `json:"cause"` // "created" or the machine's event
	By      Party     `json:"by"`
}

// Auth is what the order remembers of the user who made it, so that payments can be asked on the user's behalf later.
type Auth struct {
	User string `json:"user"`
	Role string `json:"role"`
}

// State is what the actor stores: the order and what only the service may know.
type State struct {
	Order
	Auth        Auth   `json:"auth"`
	Fingerprint string `json:"fingerprint"` // of the create's body, to tell a replay from another order
	VoidOwed    bool   `json:"voidOwed,omitempty"`
	// CreateCall and CancelCall are the calls that created and cancelled the order, see Create.Call. Orders stored by an
	// older release have none.
	CreateCall string `json:"createCall,omitempty"`
	CancelCall string `json:"cancelCall,omitempty"`
}

// Clone returns a copy that shares nothing with s.
func (s State) Clone() State {
	s.Items = slices.Clone(s.Items)
	s.History = slices.Clone(s.History)
	if s.DeliverAt != nil {
		at := *s.DeliverAt
		s.DeliverAt = &at
	}
	if s.Cancellation != nil {
		c := *s.Cancellation
		s.Cancellation = &c
	}
	return s
}
