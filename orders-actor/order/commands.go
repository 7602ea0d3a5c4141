package order

import (
	"time"
)

// Create asks for a new order. The caller chooses the ID, so that a repeated create reaches the same order. Call is unique
// to each request: Dapr may execute one call twice, and only a second call is a replay.
type Create struct {
	ID          string `json:"id"`
	Auth        Auth   `json:"auth"`
	Items       []Item `json:"items"`
	Currency    string `json:"currency"`
	Fingerprint string `json:"fingerprint"`
	Call        string `json:"call,omitempty"`
}

// Cancel asks to end an order. IfVersion, when not 0, refuses unless the order still has that version. Call is unique to
// each request: it tells the call that cancelled the order, even when Dapr executes it twice, from later ones.
type Cancel struct {
	ID        string `json:"id"`
	User      string `json:"user"` // who asks; a customer may cancel only orders of their own
	By        Party  `json:"by"`   // ByCustomer or ByOperator
	Reason    string `json:"reason,omitempty"`
	IfVersion int    `json:"ifVersion,omitempty"`
	Call      string `json:"call,omitempty"`
}

// Settle brings what payments-svc decided.
type Settle struct {
	ID        string `json:"id"`
	Confirmed bool   `json:"confirmed"`
	Reason    string `json:"reason,omitempty"`
	Attempts  int    `json:"attempts"`
}

// PaymentFailed says that payments-svc has not decided, after so many calls in all.
type PaymentFailed struct {
	ID       string `json:"id"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
}

// New makes the order that c asks for, or returns *Invalid naming each bad field.
func New(c Create, now time.Time) (State, error) {
	total, err := Check(c.Items, c.Currency)
	if err != nil {
		return State{}, err
	}
	now = stamp(now)
	return State{
		Order: Order{
			ID: c.ID, Customer: c.Auth.User, Status: machine.Initial, Version: 1,
			Items: append([]Item(nil), c.Items...), Currency: c.Currency, Total: total,
			CreatedAt: now, UpdatedAt: now,
			Payment: Payment{Status: PaymentPending},
			History: []Entry{{Version: 1, Status: machine.Initial, At: now, Cause: "created", By: byRole(c.Auth.Role)}},
		},
		Auth:        c.Auth,
		Fingerprint: c.Fingerprint,
		CreateCall:  c.Call,
	}, nil
}

// Recreate answers a create that reached an existing order: it reports whether c is a replay of an earlier request rather
// than the call that created the order, executed twice. A create of anything else is refused with KeyReused.
func (s State) Recreate(c Create) (replayed bool, _ error) {
	if s.Fingerprint != c.Fingerprint || s.Customer != c.Auth.User {
		return false, &Refusal{Code: KeyReused, Detail: "this Idempotency-Key was used before with another body"}
	}
	return c.Call == "" || s.CreateCall != c.Call, nil
}

// Settle moves a created order to confirmed, due deliverAfter from now, or to cancelled. On an order that has moved on
// it changes nothing and reports false: a payment's answer may come twice, or after a cancel (which owes the void).
func (s State) Settle(c Settle, now time.Time, deliverAfter time.Duration) (State, bool) {
	event := PaymentDeclined
	if c.Confirmed {
		event = PaymentConfirmed
	}
	next, ok := s.move(event, ByPayment, now)
	if !ok {
		return s, false
	}
	next.Payment = Payment{Status: PaymentRefused, Reason: c.Reason, Attempts: c.Attempts}
	if c.Confirmed {
		next.Payment.Status = PaymentDone
		due := next.UpdatedAt.Add(deliverAfter)
		next.DeliverAt = &due
		return next, true
	}
	next.Cancellation = &Cancellation{By: ByPayment, Reason: c.Reason}
	return next, true
}

// PaymentFailed notes failed calls to payments-svc on an order that waits for its payment. No transition: the version stays.
// It changes nothing (false) when as many calls are noted already, as when the note arrives twice.
func (s State) PaymentFailed(c PaymentFailed) (State, bool) {
	if s.Status != Created || c.Attempts <= s.Payment.Attempts {
		return s, false
	}
	s.Payment.Attempts, s.Payment.LastError = c.Attempts, c.Error
	return s, true
}

// WithoutNotes is s without what may differ between two copies of one version: whether the void is owed, and the notes
// about failed calls while the payment isn't decided.
func (s State) WithoutNotes() State {
	s.VoidOwed = false
	if s.Status == Created {
		s.Payment.Attempts, s.Payment.LastError = 0, ""
	}
	return s
}

// Cancel ends an order that isn't final and owes its payment's void. Repeating the cancel of a cancelled order is
// fine and changes nothing (false); CancelledBy tells whether it was this call that cancelled it. Refusals: OrderNotFound for a customer's order that isn't their own,
// VersionMismatch, AlreadyDelivered.
func (s State) Cancel(c Cancel, now time.Time) (State, bool, error) {
	if c.By != ByOperator && c.User != s.Customer {
		return s, false, NotFound()
	}
	if s.CancelledBy(c) { // before IfVersion, which names the version before
		return s, false, nil
	}
	if c.IfVersion != 0 && c.IfVersion != s.Version {
		return s, false, s.refuse(VersionMismatch, "the order has changed since you saw it")
	}
	next, ok := s.move(CancelAsked, c.By, now)
	switch {
	case ok:
		next.Payment.Status, next.Payment.LastError = PaymentVoided, ""
		next.Cancellation = &Cancellation{By: c.By, Reason: c.Reason}
		next.DeliverAt = nil
		next.VoidOwed = true
		next.CancelCall = c.Call
		return next, true, nil
	case s.Status == Cancelled:
		return s, false, nil
	default:
		return s, false, s.refuse(AlreadyDelivered, "the order was delivered before the cancel came")
	}
}

// CancelledBy says that this very call cancelled the order.
func (s State) CancelledBy(c Cancel) bool {
	return s.Status == Cancelled && c.Call != "" && s.CancelCall == c.Call
}

// Deliver moves a confirmed order that is due to delivered. Anything else changes nothing (false): a reminder may come
// early, twice, or for an order that was cancelled meanwhile.
func (s State) Deliver(now time.Time) (State, bool) {
	if !s.Due(now) {
		return s, false
	}
	return s.move(DeliveryDue, BySystem, now)
}

// Due says that the order is confirmed and its time has come.
func (s State) Due(now time.Time) bool {
	return s.Status == Confirmed && s.DeliverAt != nil && !now.Before(*s.DeliverAt)
}

// Voided clears the debt: payments-svc knows that this order must never be charged. No transition.
func (s State) Voided() (State, bool) {
	if !s.VoidOwed {
		return s, false
	}
	s.VoidOwed = false
	return s, true
}

// move follows the machine, or reports false.
func (s State) move(event Event, by Party, now time.Time) (State, bool) {
	to, ok := s.Status.Next(event)
	if !ok {
		return s, false
	}
	next := s.Clone()
	next.Status = to
	next.Version++
	next.UpdatedAt = stamp(now)
	if next.UpdatedAt.Before(s.UpdatedAt) { // the replica that runs this turn may have a slower clock than the last one
		next.UpdatedAt = s.UpdatedAt
	}
	next.History = append(next.History, Entry{Version: next.Version, Status: to, At: next.UpdatedAt, Cause: string(event), By: by})
	return next, true
}

// stamp is UTC in ms: what every store and client of ours can hold without loss.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func byRole(role string) Party {
	if role == "operator" {
		return ByOperator
	}
	return ByCustomer
}
