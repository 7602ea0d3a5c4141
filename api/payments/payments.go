// Package payments is what the two services agree on about the ledger: how calls name it, and the file with which a lost ledger is
// restored.
package payments

import "time"

// LedgerHeader is the header with the id of the ledger. orders-actor sends the id of the ledger that it knows, so that another
// one makes no decisions; payments-svc answers with the id of its own.
const LedgerHeader = "Orders-Ledger"

// Header is the first line of the file. Each line is a JSON object.
type Header struct {
	Ledger string `json:"ledger"` // the id of the ledger that orders-actor knows; empty if none
}

// Line is one of the other lines: a Record, or on the last one the number of Records, without which the file is incomplete.
type Line struct {
	*Record
	Orders *int `json:"orders,omitempty"`
}

// Record is the payment of an order, as the order's state tells. Amount is in minor units of Currency.
type Record struct {
	OrderID   string    `json:"orderId"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	Status    Status    `json:"status"`
	Charged   bool      `json:"charged,omitempty"` // with Voided: the void follows a charge
	Reason    string    `json:"reason,omitempty"`  // with Declined
	CreatedAt time.Time `json:"createdAt"`         // of the order
	DecidedAt time.Time `json:"decidedAt,omitzero"`
}

// Status is the status of a payment.
type Status string

// The statuses. Undecided means that the order waits for the decision, which the lost ledger may have had.
const (
	Undecided Status = "undecided"
	Confirmed Status = "confirmed"
	Declined  Status = "declined"
	Voided    Status = "voided"
	Removed   Status = "removed" // with the order; the record has no amount
)
