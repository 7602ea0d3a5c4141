package order

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode"
)

// Create creates an order. The caller chooses the ID, so that a repeated create reaches the same order. Call is unique per
// request: Dapr may execute one call twice, and only another call is a replay. NewID says that the ID is random and was made
// for this call, so that no other call can have created the order.
type Create struct {
	ID          string `json:"id"`
	Auth        Auth   `json:"auth"`
	Customer    string `json:"customer,omitempty"` // whose order it is, if not that of Auth.User: only operators may name one
	Items       []Item `json:"items"`
	Currency    string `json:"currency"`
	Fingerprint string `json:"fingerprint"`
	Call        string `json:"call,omitempty"`
	NewID       bool   `json:"newId,omitempty"`
	Trace       string `json:"trace,omitempty"` // W3C traceparent of the request
	Origin      Origin `json:"origin,omitzero"`
	// Refused has the fields that the shop does not accept. Only the order knows whether the create is a replay: then it is
	// answered with the order, because the shop may have accepted the fields earlier. Otherwise it is refused.
	Refused []FieldError `json:"refused,omitempty"`
}

// Check returns the total in minor units, or *Invalid with each invalid field. It does not look at Refused.
func (c Create) Check() (int64, error) {
	total, err := Check(c.Items, c.Currency)
	if c.Customer == "" {
		return total, err
	}
	var invalid Invalid
	if found, ok := errors.AsType[*Invalid](err); ok {
		invalid = *found
	}
	checkText(func(field, format string, args ...any) {
		invalid.Fields = append(invalid.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}, "customer", c.Customer, MaxCustomer, func(r rune) bool { return !unicode.IsPrint(r) })
	if invalid.Fields != nil {
		return 0, &invalid
	}
	return total, nil
}

// customer returns the customer of the order.
func (c Create) customer() string { return cmp.Or(c.Customer, c.Auth.User) }

// Cancel cancels an order. If IfVersion is not 0, an order with another version refuses. Call is unique per request: it
// identifies the call that cancelled the order, even if Dapr executes it twice.
type Cancel struct {
	ID        string `json:"id"`
	User      string `json:"user"` // a customer may cancel only their own orders
	By        Party  `json:"by"`   // ByCustomer or ByOperator
	Reason    string `json:"reason,omitempty"`
	IfVersion int    `json:"ifVersion,omitempty"`
	Call      string `json:"call,omitempty"`
	Origin    Origin `json:"origin,omitzero"`
}

// Settle reports the decision of payments-svc.
type Settle struct {
	ID        string `json:"id"`
	Confirmed bool   `json:"confirmed"`
	Reason    string `json:"reason,omitempty"`
	Attempts  int    `json:"attempts"` // calls to payments-svc so far
}

// PaymentFailed reports that calls to payments-svc have failed.
type PaymentFailed struct {
	ID       string `json:"id"`
	Attempts int    `json:"attempts"` // calls to payments-svc so far
	Error    string `json:"error"`
}

// Voided reports that payments-svc has stored the void.
type Voided struct{}

// Resume makes an order continue that is stuck.
type Resume struct {
	Repair *Repair `json:"repair,omitempty"` // also repair what was lost
}

// New returns a new order, *Invalid with each invalid field, or the refusal Forbidden if a customer names another one.
func New(c Create, now time.Time) (State, error) {
	if c.customer() != c.Auth.User && byRole(c.Auth.Role) != ByOperator {
		return State{}, NotForOthers()
	}
	total, err := c.Check()
	if err == nil && c.Refused != nil {
		err = &Invalid{Fields: c.Refused}
	}
	if err != nil {
		return State{}, err
	}
	now = stamp(now)
	return State{
		Schema: Schema,
		Order: Order{
			ID: c.ID, Customer: c.customer(), Status: machine.Initial, Version: 1,
			Items: append([]Item(nil), c.Items...), Currency: c.Currency, Total: total,
			CreatedAt: now, UpdatedAt: now,
			Payment: Payment{Status: PaymentPending},
			History: []Entry{{
				Version: 1, Status: machine.Initial, At: now, Cause: "created",
				By: byRole(c.Auth.Role), User: c.Auth.User, Origin: c.Origin.limited(),
			}},
		},
		Auth:        c.Auth,
		Fingerprint: c.Fingerprint,
		CreateCall:  c.Call,
		Trace:       c.Trace,
	}, nil
}

// CheckReplay compares a create with the existing order. It reports whether c is a replay of an earlier request, not the
// call that created the order, executed twice. Other content, another user or another customer returns the refusal KeyReused, and
// a tombstone the refusal OrderRemoved.
func (s State) CheckReplay(c Create) (replayed bool, _ error) {
	if s.IsRemoved() {
		return false, &Refusal{Code: OrderRemoved, Detail: "the order of this Idempotency-Key was removed; use another key for a new order"}
	}
	if s.Fingerprint != c.Fingerprint || s.Customer != c.customer() || s.Auth.User != c.Auth.User {
		return false, &Refusal{Code: KeyReused, Detail: "this Idempotency-Key was used before with another body"}
	}
	return c.Call == "" || s.CreateCall != c.Call, nil
}

// Settle moves a created order to confirmed, due after deliverAfter, or to cancelled. It reports false and changes nothing
// in any other status: a decision may be reported twice, or after a cancel (whose void is pending).
func (s State) Settle(c Settle, now time.Time, deliverAfter time.Duration) (State, bool) {
	event := PaymentDeclined
	if c.Confirmed {
		event = PaymentConfirmed
	}
	next, ok := s.move(event, s.causedBy(ByPayment), now)
	if !ok {
		return s, false
	}
	c.Reason = limited(c.Reason)
	next.Payment.Status, next.Payment.Reason, next.Payment.Attempts = PaymentRefused, c.Reason, c.Attempts
	if c.Confirmed {
		next.Payment.Status = PaymentDone
		due := next.UpdatedAt.Add(deliverAfter)
		next.DeliverAt = &due
		return next, true
	}
	next.Cancellation = &Cancellation{By: ByPayment, Reason: c.Reason}
	return next, true
}

// PaymentFailed stores failed calls to payments-svc while the payment is pending. It is not a transition: the version stays.
// It reports false and changes nothing if as many calls are stored already, such as after a repetition.
func (s State) PaymentFailed(c PaymentFailed, now time.Time) (State, bool) {
	if s.Status != Created || c.Attempts <= s.Payment.Attempts {
		return s, false
	}
	s.Payment.Attempts, s.Payment.LastError, s.Payment.LastErrorAt = c.Attempts, limited(c.Error), stamp(now)
	return s, true
}

// WithoutNotes returns s without the fields that may differ between two copies of one version: VoidPending, the last failed
// call, and the number of calls while the payment is pending.
func (s State) WithoutNotes() State {
	s.VoidPending = false
	s.Payment.LastError, s.Payment.LastErrorAt = "", time.Time{}
	if s.Status == Created {
		s.Payment.Attempts = 0
	}
	return s
}

// Cancel cancels an order that is not final, and makes its void pending. On a cancelled order it reports false and changes
// nothing; CancelledBy reports whether the same call cancelled it. Refusals: OrderNotFound if the order is another
// customer's, VersionMismatch, AlreadyDelivered.
func (s State) Cancel(c Cancel, now time.Time) (State, bool, error) {
	if c.By != ByOperator && c.User != s.Customer {
		return s, false, NotFound()
	}
	if s.CancelledBy(c) { // before the check of IfVersion, which is the version before the cancel
		return s, false, nil
	}
	if c.IfVersion != 0 && c.IfVersion != s.Version {
		return s, false, s.refuse(VersionMismatch, "the order has changed since you saw it")
	}
	next, ok := s.move(CancelRequested, Entry{By: c.By, User: c.User, Origin: c.Origin.limited()}, now)
	switch {
	case ok:
		next.Payment.Status = PaymentVoided
		next.Cancellation = &Cancellation{By: c.By, Reason: c.Reason}
		next.DeliverAt = nil
		next.VoidPending = true
		next.CancelCall = c.Call
		return next, true, nil
	case s.Status == Cancelled:
		return s, false, nil
	default:
		return s, false, s.refuse(AlreadyDelivered, "the order was delivered before the cancel came")
	}
}

// CancelledBy reports whether the same call has cancelled the order already.
func (s State) CancelledBy(c Cancel) bool {
	return s.Status == Cancelled && c.Call != "" && s.CancelCall == c.Call
}

// Deliver moves a confirmed order that is due to delivered. Otherwise it reports false and changes nothing: a reminder may
// fire early, twice, or after a cancel.
func (s State) Deliver(now time.Time) (State, bool) {
	if !s.Due(now) {
		return s, false
	}
	return s.move(DeliveryDue, s.causedBy(BySystem), now)
}

// Due reports whether the order is confirmed and its time of delivery has come.
func (s State) Due(now time.Time) bool {
	return s.Status == Confirmed && s.DeliverAt != nil && !now.Before(*s.DeliverAt)
}

// Voided stores that payments-svc has the void. It is not a transition.
func (s State) Voided() (State, bool) {
	if !s.VoidPending {
		return s, false
	}
	s.VoidPending = false
	return s, true
}

// causedBy returns the entry of a transition that no user causes.
func (s State) causedBy(party Party) Entry {
	e := Entry{By: party}
	if len(s.History) > 0 {
		e.TraceID = s.History[0].TraceID
	}
	return e
}

// move makes the transition of an event, or reports false if the machine has none. The entry says who caused it.
func (s State) move(event Event, e Entry, now time.Time) (State, bool) {
	to, ok := s.Status.Next(event)
	if !ok {
		return s, false
	}
	next := s.Clone()
	next.Status = to
	next.Version++
	next.UpdatedAt = stamp(now)
	if next.UpdatedAt.Before(s.UpdatedAt) { // this replica's clock may be behind that of the last turn's replica
		next.UpdatedAt = s.UpdatedAt
	}
	e.Version, e.Status, e.At, e.Cause = next.Version, to, next.UpdatedAt, string(event)
	next.History = append(next.History, e)
	return next, true
}

// stamp returns t in UTC and milliseconds, which all stores and clients represent exactly.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func byRole(role string) Party {
	if role == "operator" {
		return ByOperator
	}
	return ByCustomer
}
