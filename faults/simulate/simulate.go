// Package simulate runs the real turns of the order actor, and the real sealed commands and replies between its caller and its
// host, against in-memory stand-ins for daprd, the scheduler, the view and the payments' store, on a virtual clock, with
// faults that a seed decides: lost replies, duplicates, reorderings, double activation, late reminders, crashes between
// any two steps, payments slow, failing and away, another app that hosts orders and forges replies.
//
// It guarantees that the same choices give the same history, that no real time passes, and that every history goes
// through the same checker as those of the chaos runs.
package simulate

import (
	"io"
	"time"

	"orders/faults/history"
)

// Wrong switches a deliberate mistake on, to see that the checker finds it. The zero value is the product.
type Wrong struct {
	ReminderAfterSave   bool // the reminder is set when the state is saved already
	OverdueForgotten    bool // the reconciler doesn't look for overdue orders
	UnpaidForgotten     bool // the reconciler doesn't look for unpaid orders
	NoVoidDebt          bool // a cancel doesn't remember that it owes a void
	NoVoidMark          bool // payments-svc forgets a void that comes before its payment
	LastWriteLedger     bool // payments-svc's ledger lets the last write win
	NoFingerprint       bool // a key is answered whatever the body
	KeysForgotten       bool // a key is kept in a table for some time, rather than for good in the order's id
	NoCallMark          bool // a repeated request is not told from one call that is executed twice
	LossUnnoticed       bool // an actor without state does not ask the view
	ViewAcceptsOlder    bool // the view takes whatever comes last
	ViewRefusesSilently bool // the view refuses an older version and doesn't tell
	ViewAfterReply      bool // the view is written some time after the reply
	RepliesUnsealed     bool // a reply that does not open is taken as it is
	RepliesUnbound      bool // a sealed reply is taken for an answer to any command
	CommandsUnsealed    bool // a host executes a command that does not open
}

// Result is one history, judged.
type Result struct {
	History  history.History
	World    history.World
	Breaks   []history.Break
	Orders   int
	Faults   int           // how many faults struck
	Crashes  int           // how many of them were crashes of a replica
	Conflict int           // how often the view decided between two hosts
	Stolen   int           // commands and reminders that reached another app's host instead of ours
	Unproven int           // replies refused because they were not sealed for their command
	Virtual  time.Duration // how long it took, in virtual time
	Lateness time.Duration // of the latest delivery
}

// Run plays one history.
func Run(choose Choices, wrong Wrong) Result { return Traced(choose, wrong, nil) }

// Traced is Run that also writes down each step inside.
func Traced(choose Choices, wrong Wrong, trace io.Writer) Result {
	w := newWorld(choose, wrong, trace)
	w.play()
	found := w.found()
	h := w.recorder.History()
	return Result{
		History: h, World: found, Breaks: history.Check(h, found),
		Orders: len(found.Orders), Faults: w.faults, Crashes: w.crashes, Conflict: w.conflicts, Stolen: w.stolen, Unproven: w.unproven,
		Virtual: w.clock.now, Lateness: history.Lateness(found),
	}
}
