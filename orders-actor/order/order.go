// Package order is the domain: orders, the commands that change them, and the refusals. Its functions are pure: they take
// the state, the command and the time, and return the next state.
//
// An order follows the state machine in api/order-machine.json. Each transition increments the version by one and adds an
// entry to the history. No command changes the status of an order whose status is final.
package order

import (
	"slices"
	"time"
)

// Order is the public part of an order. Amounts are in minor units of Currency (cents for EUR), times in UTC.
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
	DeliverAt    *time.Time    `json:"deliverAt,omitempty"` // when it is due; set while it is confirmed or delivered
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

// PaymentStatus is the status of an order's payment.
type PaymentStatus string

// The payment statuses. A cancel makes the payment voided at once: the customer is not charged, whatever payments-svc reports
// later. State.VoidPending tells whether payments-svc still has to be told.
const (
	PaymentPending PaymentStatus = "pending"
	PaymentDone    PaymentStatus = "confirmed"
	PaymentRefused PaymentStatus = "declined"
	PaymentVoided  PaymentStatus = "voided"
)

// Payment is the payment of an order. Attempts is the number of calls to payments-svc; LastError and LastErrorAt are the last
// known failure. They may change without a new version while the payment is pending, and stay after the decision.
type Payment struct {
	Status      PaymentStatus `json:"status"`
	Reason      string        `json:"reason,omitempty"`
	Attempts    int           `json:"attempts"`
	LastError   string        `json:"lastError,omitempty"`
	LastErrorAt time.Time     `json:"lastErrorAt,omitzero"`
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

// Cancellation tells who cancelled the order, and why.
type Cancellation struct {
	By     Party  `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// Entry is one transition in an order's history. User is empty for payments and the system, and in cancels by operators that
// an older release stored.
type Entry struct {
	Version int       `json:"version"`
	Status  Status    `json:"status"`
	At      time.Time `json:"at"`
	Cause   string    `json:"cause"` // "created" or the machine's event
	By      Party     `json:"by"`
	User    string    `json:"user,omitempty"`
	Origin
}

// Origin identifies the request that caused a command, as far as it is known. An entry of a payment or the system has the
// trace of the create.
type Origin struct {
	RequestID string `json:"requestId,omitempty"`
	TraceID   string `json:"traceId,omitempty"`
}

// Auth is the user who created the order: its customer, or an operator. The payer needs it for calls on behalf of the customer.
type Auth struct {
	User string `json:"user"`
	Role string `json:"role"`
}

// State is what the actor stores: the order, and fields that clients do not see.
type State struct {
	Schema int `json:"schema,omitempty"` // see Schema
	Order
	Auth        Auth   `json:"auth"`
	Fingerprint string `json:"fingerprint"`        // hash of the create's content
	VoidPending bool   `json:"voidOwed,omitempty"` // payments-svc does not have the void yet
	// CreateCall and CancelCall identify the calls that created and cancelled the order, see Create.Call. They are empty in
	// orders from older releases.
	CreateCall string `json:"createCall,omitempty"`
	CancelCall string `json:"cancelCall,omitempty"`
	// Trace is the W3C traceparent of the request that created the order, or empty. Later work continues or links that trace.
	Trace string `json:"trace,omitempty"`
}

// Summary returns the order with only the newest entry of its history, as lists and events have it.
func (o Order) Summary() Order {
	o.History = o.History[max(len(o.History)-1, 0):]
	return o
}

// ReasonFor returns the reason of an entry in the order's history, or "".
func (o Order) ReasonFor(e Entry) string {
	switch Event(e.Cause) {
	case CancelRequested:
		if o.Cancellation != nil {
			return o.Cancellation.Reason
		}
	case PaymentConfirmed, PaymentDeclined:
		return o.Payment.Reason
	}
	return ""
}

// Clone returns a deep copy.
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
