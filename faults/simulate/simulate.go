// Package simulate runs the real turns of the order actor, with sealed commands and replies, on a virtual clock. daprd, the
// scheduler, the order database and the ledger's store are in-memory fakes. A seed determines the faults: lost replies, duplicates,
// reordering, double activation, late reminders, crashes between any two steps, payments that are slow, fail or are unavailable, and
// another app that hosts orders and forges replies.
//
// The same seed gives the same history. Each history is checked by the checker that chaos also uses.
package simulate

import (
	"io"
	"time"

	"orders/faults/history"
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
}

// Result is a checked history.
type Result struct {
	History    history.History
	Stores     history.Stores
	Violations []history.Violation
	Orders     int
	Faults     int           // number of injected faults
	Crashes    int           // of a replica; included in Faults
	Conflicts  int           // between two hosts
	Misrouted  int           // commands and reminders that reached another app's host
	Rejected   int           // replies that were rejected because they were not sealed for their command
	Virtual    time.Duration // duration in virtual time
	Lateness   time.Duration // of the latest delivery
}

// Run runs one history.
func Run(choices Choices, mutation Mutation) Result { return Traced(choices, mutation, nil) }

// Traced is Run that also writes each step to trace.
func Traced(choices Choices, mutation Mutation, trace io.Writer) Result {
	w := newWorld(choices, mutation, trace)
	w.run()
	h, s := w.recorder.History(), w.stores()
	return Result{
		History: h, Stores: s, Violations: history.Check(h, s),
		Orders: len(s.Orders), Faults: w.faults, Crashes: w.crashes, Conflicts: w.conflicts, Misrouted: w.misrouted, Rejected: w.rejected,
		Virtual: w.clock.now, Lateness: s.Lateness(),
	}
}
