// Package inspect compares what each part of the product knows of an order: the actor's state, the order database, the ledger of
// payments-svc, and the scheduler's reminder.
//
// Judge is pure. An Inspector reads the parts and judges them. It reports a difference only if it is still there when the parts
// are read again without a change of the order meanwhile, so that a turn that is under way is not reported.
package inspect

import (
	"fmt"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
)

// Answer is what one part knows of an order. If Err is set, the part did not answer.
type Answer[T any] struct {
	Value T
	Found bool // otherwise Value is zero, except for the host in an orderactor.Inspection
	Err   error
}

// Observation is what all parts know of an order. It does not change when Judge reads it.
type Observation struct {
	ID       string
	Actor    Answer[orderactor.Inspection]
	Database Answer[order.State]
	Ledger   Answer[payer.Record]
	Reminder Answer[time.Time] // when it fires first; zero if unknown
	// After is how long an order may wait for its payment, delivery or void.
	After time.Duration
}

// Code identifies a finding. Codes are part of the API.
type Code string

// The findings.
const (
	DatabaseMissing   Code = "database-missing"
	DatabaseOlder     Code = "database-older"
	ActorMissing      Code = "actor-missing"
	ActorOlder        Code = "actor-older"
	ContentDiffers    Code = "content-differs"
	VoidDiffers       Code = "void-differs"
	HistoryBroken     Code = "history-broken"
	ReminderMissing   Code = "reminder-missing"
	ReminderLate      Code = "reminder-late"
	PaymentUnreported Code = "payment-unreported"
	ChargeMissing     Code = "charge-missing"
	ChargeDiffers     Code = "charge-differs"
	ChargedTwice      Code = "charged-twice"
	ChargeNotVoided   Code = "charge-not-voided"
	VoidMissing       Code = "void-missing"
	Unpaid            Code = "unpaid"
	Overdue           Code = "overdue"
	VoidPending       Code = "void-pending"
)

// Severity tells differences from waits.
type Severity string

// The severities. Waiting is late but consistent.
const (
	Inconsistent Severity = "inconsistent"
	Waiting      Severity = "waiting"
)

// Fix is what an operator can do about a finding.
type Fix string

// The fixes.
const (
	Reconcile Fix = "reconcile"
	Wait      Fix = "wait"    // until the part that Detail names is up again
	Restore   Fix = "restore" // a backup of the part that Detail names
	Report    Fix = "report"  // a defect
)

// Finding is a difference between two parts, or a wait that is too long. Detail says what it is and what fixes it.
type Finding struct {
	Code     Code
	Severity Severity
	Fix      Fix
	Detail   string
}

const (
	// reportGrace is how long a decided payment may be unknown to its order: the payer reports it again and again.
	reportGrace = 30 * time.Second
	// reminderGrace is how much later than the order is due its reminder may fire. The clocks of replicas differ.
	reminderGrace = time.Minute
)

// Judge returns what is inconsistent or late in an observation, at most one finding per code. Parts that did not answer are left
// out. Two parts that were read at different times may differ without a fault: see Inspector.
func Judge(o Observation, now time.Time) []Finding {
	j := judgement{Observation: o, now: now}
	j.stores()
	current, known := o.current()
	if !known {
		return j.findings
	}
	j.history(current)
	j.reminder(current)
	j.ledger(current)
	j.waits(current)
	return j.findings
}

// removed reports whether the order was removed, or is about to be: its actor has only a tombstone.
func (o Observation) removed() bool {
	return o.Database.Value.IsRemoved() || o.Actor.Value.State.IsRemoved()
}

type judgement struct {
	Observation
	now      time.Time
	findings []Finding
}

func (j *judgement) add(code Code, fix Fix, format string, args ...any) {
	j.findings = append(j.findings, Finding{Code: code, Severity: Inconsistent, Fix: fix, Detail: fmt.Sprintf(format, args...)})
}

func (j *judgement) addWait(code Code, format string, args ...any) {
	j.findings = append(j.findings, Finding{Code: code, Severity: Waiting, Fix: Wait, Detail: fmt.Sprintf(format, args...)})
}

// current returns the newest state. Of one version, the order database has the accepted content.
func (o Observation) current() (order.State, bool) {
	db, actor := o.Database, o.Actor
	switch {
	case db.Found && (!actor.Found || actor.Value.State.Version <= db.Value.Version):
		return db.Value, true
	case actor.Found:
		return actor.Value.State, true
	}
	return order.State{}, false
}

func (j *judgement) stores() {
	db, actor := j.Database, j.Actor
	if db.Err != nil || actor.Err != nil || !db.Found && !actor.Found {
		return
	}
	held, stored := db.Value, actor.Value.State
	switch {
	case !db.Found:
		j.add(DatabaseMissing, Reconcile, "The order database does not have the order, the actor has version %d. Reconcile stores it; `orders-actor rebuild` does so for all orders.", stored.Version)
	case !actor.Found:
		j.add(ActorMissing, Reconcile, "The actor has lost its state, the order database has version %d. Reconcile restores it.", held.Version)
	case held.Version < stored.Version:
		j.add(DatabaseOlder, Reconcile, "The order database has version %d, the actor version %d. Reconcile stores it; `orders-actor rebuild` does so for all orders.", held.Version, stored.Version)
	case stored.Version < held.Version:
		j.add(ActorOlder, Reconcile, "The actor has version %d, the order database version %d. Reconcile restores it.", stored.Version, held.Version)
	case !sameVersion(held, stored):
		j.add(ContentDiffers, Reconcile, "Actor and order database have different contents of version %d. The one of the order database was acknowledged; reconcile restores it.", held.Version)
	case held.VoidPending != stored.VoidPending:
		j.add(VoidDiffers, Reconcile, "Actor and order database do not agree whether the void is pending. Reconcile requests it again.")
	}
}

// history checks that the versions have no gap and follow the state machine.
func (j *judgement) history(s order.State) {
	ok := len(s.History) == s.Version && s.Version > 0
	for i, e := range s.History {
		ok = ok && e.Version == i+1
		if i > 0 && ok {
			to, allowed := s.History[i-1].Status.Next(order.Event(e.Cause))
			ok = allowed && to == e.Status
		}
	}
	if !ok || s.History[len(s.History)-1].Status != s.Status {
		j.add(HistoryBroken, Report, "The history does not lead to version %d (%s) without a gap. This is a defect: save this inspection and the logs of the order.", s.Version, s.Status)
	}
}

func (j *judgement) reminder(s order.State) {
	if s.Status != order.Confirmed || s.DeliverAt == nil || j.Reminder.Err != nil {
		return
	}
	due := s.DeliverAt.Format(time.RFC3339)
	switch fires := j.Reminder.Value; {
	case !j.Reminder.Found:
		j.add(ReminderMissing, Reconcile, "No reminder is set for the delivery at %s. Reconcile sets it; otherwise the reconciler delivers the order after that time.", due)
	case fires.After(s.DeliverAt.Add(reminderGrace)):
		j.add(ReminderLate, Reconcile, "The reminder fires at %s, the order is due at %s. Reconcile sets it again.", fires.Format(time.RFC3339), due)
	}
}

func (j *judgement) ledger(s order.State) {
	if j.Ledger.Err != nil {
		return
	}
	record, found := j.Ledger.Value, j.Ledger.Found
	says := "nothing"
	if found {
		says = string(record.Status)
	}
	if found && record.Status == payer.RecordRemoved && s.Status.Final() { // its actor is next, see package retention
		return
	}
	if found && (record.Amount != s.Total || record.Currency != s.Currency) {
		j.add(ChargeDiffers, Report, "The ledger has %d %s, the order costs %d %s. This is a defect: save this inspection and correct the charge by hand.", record.Amount, record.Currency, s.Total, s.Currency)
	}
	if n := record.Charges(); n > 1 {
		j.add(ChargedTwice, Report, "The ledger has %d charges of the order. This is a defect: save this inspection and refund the others by hand.", n)
	}
	charged := found && record.Status == payer.RecordConfirmed
	switch {
	case s.Status == order.Created:
		if found && j.now.Sub(record.DecidedAt) > reportGrace {
			j.add(PaymentUnreported, Reconcile, "The ledger says %s since %s, the order does not know. Reconcile asks again.", says, record.DecidedAt.Format(time.RFC3339))
		}
	case s.Status == order.Confirmed || s.Status == order.Delivered:
		if !charged {
			j.add(ChargeMissing, Restore, "The order is %s, but the ledger says %s. The ledger has lost the charge: restore it from the orders (docs/operations.md).", s.Status, says)
		}
	case s.Payment.Status != order.PaymentVoided:
		if charged {
			j.add(ChargeNotVoided, Report, "The payment was declined, but the ledger has a charge. This is a defect: save this inspection and refund the charge by hand.")
		}
	case !s.VoidPending && (!found || record.Status != payer.RecordVoided):
		j.add(VoidMissing, Reconcile, "The void was acknowledged, but the ledger says %s. Reconcile requests it again.", says)
	}
}

func (j *judgement) waits(s order.State) {
	late := func(since time.Time) bool { return j.now.Sub(since) > j.After }
	switch {
	case s.Status == order.Created && late(s.UpdatedAt):
		j.addWait(Unpaid, "The order has waited for its payment since %s%s. The reconciler asks payments-svc again at least every 30 s: check that it is up.",
			s.UpdatedAt.Format(time.RFC3339), j.lastError(s))
	case s.Status == order.Confirmed && s.DeliverAt != nil && late(*s.DeliverAt):
		j.addWait(Overdue, "The order was due at %s. The reconciler delivers it: check that Dapr's placement and scheduler are up.", s.DeliverAt.Format(time.RFC3339))
	case s.VoidPending && late(s.UpdatedAt):
		j.addWait(VoidPending, "The void has been pending since %s%s. The reconciler sends it again at least every 30 s: check that payments-svc is up.",
			s.UpdatedAt.Format(time.RFC3339), j.lastError(s))
	}
}

// lastError returns the tries and the last error of the payment or void, for a sentence.
func (j *judgement) lastError(s order.State) string {
	tries, last := s.Payment.Attempts, s.Payment.LastError
	if s.VoidPending {
		tries, last = 0, ""
	}
	for _, job := range j.Actor.Value.Jobs {
		if job.Void == s.VoidPending && job.LastError != "" {
			tries, last = max(tries, job.Tries), job.LastError
		}
	}
	if last == "" {
		return ""
	}
	return fmt.Sprintf(", after %d calls (%s)", tries, last)
}

func sameVersion(a, b order.State) bool {
	same, err := order.SameVersion(a, b)
	return same && err == nil
}
