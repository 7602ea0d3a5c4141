// Package payment decides and voids the payments of orders. It has no HTTP and no Dapr.
//
// A payment is decided once and has at most one charge. A void wins whether it comes before or after the payment: no charge
// follows it. A repeated call changes nothing and returns the same result.
package payment

import (
	"errors"
	"slices"
	"time"
)

// Status is the status of a payment.
type Status string

// The statuses. Voided is final.
const (
	Confirmed Status = "confirmed"
	Declined  Status = "declined"
	Voided    Status = "voided"
)

// Kind is the kind of a ledger entry.
type Kind string

// The kinds of entries. The void of an order without a charge prevents a later one.
const (
	EntryCharged Kind = "charged"
	EntryVoided  Kind = "voided"
)

// Entry is a charge or a void. Entries are only appended.
type Entry struct {
	Kind   Kind      `json:"kind"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
}

// Payment is the payment of an order. Amount is in minor units of Currency. The zero value is undecided.
type Payment struct {
	OrderID   string    `json:"orderId"`
	Status    Status    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	DecidedAt time.Time `json:"decidedAt"`
	Entries   []Entry   `json:"entries"`
}

// The reasons of a declined payment.
const (
	ReasonRefused = "refused"
	ReasonVoided  = "voided"
)

// Request is a request to pay for an order or to void its payment.
type Request struct {
	OrderID  string
	Amount   int64
	Currency string
}

// ErrMismatch is returned if a request has another amount or currency than the decided payment.
var ErrMismatch = errors.New("the order's payment has another amount or currency")

// Pay returns the decided payment, and whether it has changed. It calls confirm only for an undecided payment.
func (p Payment) Pay(r Request, now time.Time, confirm func() bool) (Payment, bool, error) {
	if p.decided() {
		return p, false, p.check(r)
	}
	next := newPayment(r, now)
	if confirm() {
		next.Status = Confirmed
		next.Entries = []Entry{{EntryCharged, r.Amount, next.DecidedAt}}
	} else {
		next.Status, next.Reason = Declined, ReasonRefused
	}
	return next, true, nil
}

// Void returns the voided payment, and whether it has changed. It also voids an undecided payment.
func (p Payment) Void(r Request, now time.Time) (Payment, bool, error) {
	if p.Status == Removed {
		return p, false, nil
	}
	if err := p.check(r); p.decided() && err != nil {
		return p, false, err
	}
	if p.Status == Voided {
		return p, false, nil
	}
	next, at := p, timestamp(now)
	if !p.decided() {
		next = newPayment(r, now)
	}
	next.Status, next.Reason = Voided, ""
	next.Entries = append(slices.Clone(p.Entries), Entry{EntryVoided, r.Amount, at})
	return next, true, nil
}

// Response returns the payment as the response to Pay: a voided or removed payment is declined.
func (p Payment) Response() Payment {
	switch p.Status {
	case Voided:
		p.Status, p.Reason = Declined, ReasonVoided
	case Removed:
		p.Status, p.Reason = Declined, ReasonRemoved
	}
	return p
}

func (p Payment) decided() bool { return p.Status != "" }

// check returns ErrMismatch for another amount or currency. A removed payment has neither.
func (p Payment) check(r Request) error {
	if p.Status == Removed {
		return nil
	}
	if p.Amount != r.Amount || p.Currency != r.Currency {
		return ErrMismatch
	}
	return nil
}

func newPayment(r Request, now time.Time) Payment {
	return Payment{OrderID: r.OrderID, Amount: r.Amount, Currency: r.Currency, DecidedAt: timestamp(now), Entries: []Entry{}}
}

func timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
