// Package history records what clients of the service asked and were told, and checks it afterwards against what the
// service holds: the list view, the event log, the payments' ledger and the actors' states.
//
// It guarantees that a history which breaks one of the product's invariants (see Invariant) is reported with the
// order's full story, and that one which breaks none is not. It knows nothing of how the service works: the simulation
// and the chaos runs feed the same checker.
package history

import (
	"slices"
	"sync"
	"time"

	"orders/orders-actor/order"
)

// Op is what a client asked for.
type Op string

// The operations.
const (
	Create Op = "create"
	Cancel Op = "cancel"
	Read   Op = "read"
)

// Call is one request and its reply, as the client saw them.
type Call struct {
	Op       Op
	Client   string // the user whose token it carried
	Operator bool   // the token's role

	Order     string       // which order: asked for, or for a create, told by the reply
	Key       string       // create: the Idempotency-Key, "" for none
	Items     []order.Item // create: what was asked for; the first SKU is unique to the key (or to the call when it has none)
	Currency  string       // create
	IfVersion int          // cancel: the version in If-Match, 0 for none

	Sent, Got time.Time    // Got is when the reply, or the failure to get one, came
	Status    int          // HTTP status; 0: no reply came, so nobody knows whether it happened
	Code      string       // the problem's code when refused
	Replayed  bool         // create: Idempotency-Replayed
	Changed   bool         // cancel: this call cancelled the order
	Reply     *order.Order // the order in the reply, when there was one
}

// Acknowledged says that the service told the client: it happened.
func (c Call) Acknowledged() bool { return c.Status >= 200 && c.Status < 300 }

// FeedEvent is one entry of the event log as a reader got it.
type FeedEvent struct {
	Cursor string
	Order  order.Order
	At     time.Time // when the reader got it
}

// Reading is all that one reader of the feed got, over all its connections.
type Reading struct {
	Reader   string
	Customer string         // whose orders it may see; "" for all
	Start    map[string]int // versions it knew from the list when it began; nil: it began with an empty log
	Events   []FeedEvent
	Complete bool // it read until nothing more came
}

// Payment is an order's entry in the payments' ledger.
type Payment struct {
	Status   string // "confirmed", "declined" or "voided"
	Amount   int64  // 0 when it was voided before any payment was asked for
	Currency string
	Charges  int // how often money was taken, as far as the ledger can tell
}

// World is what the service holds at the end, when it had time to settle.
type World struct {
	At       time.Time
	Orders   map[string]order.Order // each order as the API shows it, with history
	Listed   map[string]order.Order // each order as the list shows it; nil: not looked at
	Feed     []FeedEvent            // the event log from its beginning; nil: not looked at
	Payments map[string]Payment
	Actors   map[string]order.State // nil: not looked at
	// Soon is how late a delivery may be, and how long an order may take to leave created.
	Soon time.Duration
}

// Recorder collects calls and readings. It is safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	calls    []Call
	readings []Reading
}

// Call records one call.
func (r *Recorder) Call(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// Reading records what one reader got in all.
func (r *Recorder) Reading(reading Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readings = append(r.readings, reading)
}

// History returns what was recorded until now.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return History{Calls: slices.Clone(r.calls), Readings: slices.Clone(r.readings)}
}

// History is all that the clients know.
type History struct {
	Calls    []Call
	Readings []Reading
}
