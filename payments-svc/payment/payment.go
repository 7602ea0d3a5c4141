// Package payment is the domain of payments-svc: what was decided about an order's payment. It knows no HTTP and no Dapr.
//
// It guarantees that a payment is decided once, that its ledger holds at most one charge, that a void wins whether it
// comes before or after the payment, and that no charge follows a void. Repeats change nothing and get the same answer.
package payment

import (
	"errors"
	"slices"
	"time"
)

// Status is where a payment stands.
type Status string

// The statuses. Voided is final.
const (
	Confirmed Status = "confirmed"
	Declined  Status = "declined"
	Voided    Status = "voided"
)

// Kind says what a ledger entry did.
type Kind string

// The kinds of entries. A void of what was never charged is a mark that keeps a late payment out.
const (
	Charged Kind = "charged"
	Undone  Kind = "voided"
)

// Entry is one line of a payment's ledger. Entries are only ever added.
type Entry struct {
	Kind   Kind      `json:"kind"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
}

// Payment is what was decided about one order. Amount is in minor units of Currency. The zero value is undecided.
type Payment struct {
	OrderID   string    `json:"orderId"`
	Status    Status    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	DecidedAt time.Time `json:"decidedAt"`
	Entries   []Entry   `json:"entries"`
}

// Reasons of a declined payment.
const (
	ReasonRefused = "refused"
	ReasonVoided  = "voided"
)

// Request asks for a payment, or for its void.
type Request struct {
	OrderID  string
	Amount   int64
	Currency string
}

// ErrMismatch is returned when a request names another amount or currency than what was decided about.
var ErrMismatch = errors.New("the order's payment has another amount or currency")

// Pay decides, unless that was done before; then it reports false. confirm is asked at most once.
func (p Payment) Pay(r Request, now time.Time, confirm func() bool) (Payment, bool, error) {
	if p.decided() {
		return p, false, p.check(r)
	}
	next := begin(r, now)
	if confirm() {
		next.Status = Confirmed
		next.Entries = []Entry{{Charged, r.Amount, next.DecidedAt}}
	} else {
		next.Status, next.Reason = Declined, ReasonRefused
	}
	return next, true, nil
}

// Void ends the payment for good, or leaves the mark when it comes first. It reports false when that was done before.
func (p Payment) Void(r Request, now time.Time) (Payment, bool, error) {
	if err := p.check(r); p.decided() && err != nil {
		return p, false, err
	}
	if p.Status == Voided {
		return p, false, nil
	}
	next, at := p, stamp(now)
	if !p.decided() {
		next = begin(r, now)
	}
	next.Status, next.Reason = Voided, ""
	next.Entries = append(slices.Clone(p.Entries), Entry{Undone, r.Amount, at})
	return next, true, nil
}

// Answer is the payment as whoever asked to pay sees it: a void, which came earlier, declines it.
func (p Payment) Answer() Payment {
	if p.Status == Voided {
		p.Status, p.Reason = Declined, ReasonVoided
	}
	return p
}

func (p Payment) decided() bool { return p.Status != "" }

func (p Payment) check(r Request) error {
	if p.Amount != r.Amount || p.Currency != r.Currency {
		return ErrMismatch
	}
	return nil
}

func begin(r Request, now time.Time) Payment {
	return Payment{OrderID: r.OrderID, Amount: r.Amount, Currency: r.Currency, DecidedAt: stamp(now), Entries: []Entry{}}
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
