// Package simulate runs the real turns of the order actor, with sealed commands and replies, on a virtual clock. daprd and the
// scheduler are those of package kit/simulate; the order database and the ledger's store are in-memory fakes. A seed determines the faults: lost replies, duplicates,
// reordering, double activation, late reminders, crashes between any two steps, payments that are slow, fail or are unavailable, and
// another app that hosts orders and forges replies.
//
// The same seed gives the same history. Each history is checked by the checker that chaos also uses.
package simulate

import (
	"io"
	"time"

	"orders/faults/history"
	"orders/kit/simulate"
)

// Mutation enables deliberate defects, which the checker must detect. The zero value is the product without defects.
type Mutation struct {
	ReminderAfterSave bool // the reminder is registered after the state is saved
	OverdueIgnored    bool // the reconciler ignores overdue orders
	UnpaidIgnored     bool // the reconciler ignores unpaid orders
	NoPendingVoid     bool // a cancel does not store that a void is pending
	NoVoidMark        bool // payments-svc ignores a void that arrives before its payment
	LastWriteLedger   bool // in the ledger the last write wins
	NoFingerprint     bool // a create with a known key is answered whatever its body is
	CustomerIgnored   bool // the customer of a create is not passed on
	KeysExpire        bool // the order of a key is stored in a table for some time, and not derived from the key
	NoCallMark        bool // a replayed create is treated like one call that was executed twice
	LossIgnored       bool // an actor without state does not read the order database
	OlderAccepted     bool // the order database accepts older versions
	OlderIgnored      bool // the order database ignores older versions without an error
	SecondAccepted    bool // the order database accepts a second version 1 without storing it
	StoredAfterReply  bool // the order database is written some time after the reply
	RepliesUnsealed   bool // a reply that does not open is accepted
	RepliesUnbound    bool // a sealed reply is accepted for any command
	CommandsUnsealed  bool // a host executes a command that does not open
	NoTombstone       bool // nothing is left of a removed order in the store and the order database
	LedgerForgets     bool // nothing is left of a removed order in the ledger
}

// Counters count what happened in histories.
type Counters struct {
	Orders    int
	Faults    int           // injected
	Crashes   int           // of a replica; included in Faults
	Conflicts int           // between two hosts
	Removals  int           // of final orders
	Misrouted int           // commands and reminders that reached another app's host
	Rejected  int           // replies that were rejected because they were not sealed for their command
	Virtual   time.Duration // in virtual time
	Lateness  time.Duration // of the latest delivery
}

// Add adds the counters of another history.
func (c *Counters) Add(o Counters) {
	c.Orders += o.Orders
	c.Faults += o.Faults
	c.Crashes += o.Crashes
	c.Conflicts += o.Conflicts
	c.Removals += o.Removals
	c.Misrouted += o.Misrouted
	c.Rejected += o.Rejected
	c.Virtual += o.Virtual
	c.Lateness = max(c.Lateness, o.Lateness)
}

// Result is a checked history.
type Result struct {
	Counters
	History    history.History
	Stores     history.Stores
	Violations []history.Violation
}

// Run runs one history. It writes each step to trace, unless that is nil.
func Run(choices simulate.Choices, mutation Mutation, trace io.Writer) Result {
	return check(newWorld(simulate.New(choices, trace), mutation))
}

func check(w *world) Result {
	w.run()
	h, s := w.recorder.History(), w.stores()
	c := w.counters
	c.Orders, c.Faults, c.Crashes, c.Virtual, c.Lateness = len(s.Orders), w.Faults, w.Crashes, w.Elapsed(), s.Lateness()
	return Result{Counters: c, History: h, Stores: s, Violations: history.Check(h, s)}
}
