package history

import (
	"fmt"
	"maps"
	"slices"

	"orders/orders-actor/order"
)

// Invariant is one of the ten invariants of docs/faults.md, by its number.
type Invariant int

// The invariants.
const (
	CreateKept Invariant = 1 + iota
	ChargedOnce
	FinalIsFinal
	CancelKept
	VoidArrives
	FinalInTime
	NoGaps
	Converged
	FeedComplete
	OneKeyOneOrder
)

var names = map[Invariant]string{
	CreateKept:     "an acknowledged create is never lost",
	ChargedOnce:    "at most one charge per order, of its own amount",
	FinalIsFinal:   "no order leaves delivered or cancelled",
	CancelKept:     "an acknowledged cancel is never delivered, a refused one never takes effect",
	VoidArrives:    "a cancelled order that was charged gets its void",
	FinalInTime:    "every order is final soon after it is due, and not delivered earlier",
	NoGaps:         "versions have no gaps",
	Converged:      "list and feed converge to the actors' states, and reads show acknowledged commands",
	FeedComplete:   "a feed reader that resumes misses nothing",
	OneKeyOneOrder: "one idempotency key creates one order",
}

// facts names what the check of each invariant counts.
var facts = map[Invariant]string{
	CreateKept:     "acknowledged creates",
	ChargedOnce:    "orders",
	FinalIsFinal:   "final orders",
	CancelKept:     "answered cancels",
	VoidArrives:    "cancelled orders",
	FinalInTime:    "orders",
	NoGaps:         "observed versions",
	Converged:      "reads and stored copies",
	FeedComplete:   "events",
	OneKeyOneOrder: "creates with a key",
}

// Invariants returns all invariants in the order of their numbers.
func Invariants() []Invariant { return slices.Sorted(maps.Keys(names)) }

// Name is the statement that must be true.
func (i Invariant) Name() string { return names[i] }

// Facts names what Report.Checked counts for this invariant, such as "orders".
func (i Invariant) Facts() string { return facts[i] }

func (i Invariant) String() string { return fmt.Sprintf("invariant %d, %s", int(i), names[i]) }

// Violation is a violated invariant.
type Violation struct {
	Invariant Invariant
	Order     string // empty if no reply contained the id
	Detail    string
	Trace     string // all that is known about the order, ordered by time
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s\n%s", v.Invariant, v.Detail, v.Trace)
}

// Report is the result of a check.
type Report struct {
	Checked    map[Invariant]int // how many facts were compared, see Invariant.Facts
	Violations []Violation
}

// Check compares the clients' history with the stores and returns all violations.
func Check(h History, s Stores) []Violation { return Examine(h, s).Violations }

// Examine is Check, and counts what was compared.
func Examine(h History, s Stores) Report {
	c := &check{history: h, stores: s, evidence: make(map[string]*evidence), checked: make(map[Invariant]int)}
	c.gather()
	for _, id := range c.ids() {
		c.order(id, c.evidence[id])
	}
	c.keys()
	c.readers()
	return Report{Checked: c.checked, Violations: c.violations}
}

// Where an order was observed.
const (
	orderDB  = "the order database"
	actor    = "the actor"
	theList  = "the list"
	eventLog = "the event log"
)

// observation is an order as it was seen at one place.
type observation struct {
	where string
	order order.Order
}

// evidence is all that concerns one order.
type evidence struct {
	calls        []Call
	observations []observation
	feed         []FeedEvent
}

type check struct {
	history    History
	stores     Stores
	evidence   map[string]*evidence
	checked    map[Invariant]int
	violations []Violation
}

func (c *check) of(id string) *evidence {
	e := c.evidence[id]
	if e == nil {
		e = &evidence{}
		c.evidence[id] = e
	}
	return e
}

func (c *check) ids() []string { return slices.Sorted(maps.Keys(c.evidence)) }

func (c *check) fail(i Invariant, id, format string, args ...any) {
	c.violations = append(c.violations, Violation{Invariant: i, Order: id, Detail: fmt.Sprintf(format, args...), Trace: c.trace(id)})
}

func (c *check) observe(where string, o order.Order) {
	e := c.of(o.ID)
	e.observations = append(e.observations, observation{where, o})
}

func (c *check) gather() {
	for _, call := range c.history.Calls {
		if call.Order == "" {
			continue
		}
		e := c.of(call.Order)
		e.calls = append(e.calls, call)
		if call.Reply != nil {
			e.observations = append(e.observations, observation{"a reply to " + string(call.Op), *call.Reply})
		}
	}
	for _, entry := range c.stores.Feed {
		e := c.of(entry.Order.ID)
		e.feed = append(e.feed, entry)
		c.observe(eventLog, entry.Order)
	}
	for _, r := range c.history.Readings {
		for _, e := range r.Events {
			c.observe("the feed of "+r.Reader, e.Order)
		}
	}
	for _, o := range c.stores.Listed {
		c.observe(theList, o)
	}
	for _, o := range c.stores.Orders {
		c.observe(orderDB, o)
	}
	for _, s := range c.stores.Actors {
		if !s.IsRemoved() {
			c.observe(actor, s.Order)
		}
	}
	for id := range c.stores.Removed {
		c.of(id)
	}
	for id := range c.stores.Payments {
		c.of(id)
	}
}

func (c *check) order(id string, e *evidence) {
	if c.stores.Removed[id] {
		c.removed(id, e)
		return
	}
	o, stored := c.stores.Orders[id]
	if removal, ok := e.removal(); ok {
		if stored {
			c.fail(OneKeyOneOrder, id, "the order was removed at %s, and exists again", clock(removal.Got))
		} else {
			c.fail(Converged, id, "the order was removed, and the order database has no tombstone")
		}
		return
	}
	if !stored {
		c.missing(id, e)
		return
	}
	c.created(id, e, o)
	c.charged(id, o)
	c.final(id, e)
	c.cancelled(id, e, o)
	c.voided(id, o)
	c.inTime(id, o)
	c.versions(id, e, o)
	c.converged(id, e, o)
	c.visible(id, e)
}
