// Package history records the requests and replies that clients of the service saw, and checks them against the final contents of
// the stores: the order database, the event log, the ledger and the actors' states.
//
// A history that violates an invariant is reported with everything that is known about the order. The checker knows nothing about
// the implementation, so that the simulation and chaos use the same one.
package history

import (
	"slices"
	"sync"
	"time"

	"orders/orders-actor/order"
)

// Op is an operation that a client requests.
type Op string

// The operations.
const (
	Create Op = "create"
	Cancel Op = "cancel"
	Read   Op = "read"
	Remove Op = "remove" // by the service itself, or an operator
)

// Call is one request and its reply, as the client saw them.
type Call struct {
	Op     Op
	Client string // the user

	Customer string // create: whose order it is, if not the client's

	Order     string       // the order's id; of a create it is known only from the reply
	Key       string       // create: the idempotency key, "" for none
	Items     []order.Item // create: the first SKU is unique to the key, or to the call if it has no key
	Currency  string       // create
	IfVersion int          // cancel: the version in If-Match, 0 for none

	Sent, Got time.Time    // Got is the time of the reply, or of the failure to get one
	Status    int          // HTTP status; 0: there was no reply, so the outcome is unknown
	Code      string       // the problem's code
	Replayed  bool         // create: Idempotency-Replayed
	Changed   bool         // cancel: this call cancelled the order
	Reply     *order.Order // the order in the reply, if there was one
}

// Acknowledged reports whether the reply says that the command was executed.
func (c Call) Acknowledged() bool { return c.Status >= 200 && c.Status < 300 }

// FeedEvent is an entry of the event log as a reader got it.
type FeedEvent struct {
	Cursor string
	Order  order.Order
	At     time.Time // when the reader got it
}

// Reading is everything that one reader of the feed got, over all its connections.
type Reading struct {
	Reader   string
	Customer string // whose orders it may see; "" for all
	Events   []FeedEvent
	Complete bool // it read until there were no more events
}

// Payment is an order's entry in the ledger.
type Payment struct {
	Status   string // "confirmed", "declined" or "voided"
	Amount   int64  // in minor units; 0 if it was voided before a payment was requested
	Currency string
	Charges  int // how often the ledger charged the order
}

// Stores is the final content of the stores, after the service had time to finish its work.
type Stores struct {
	At       time.Time
	Orders   map[string]order.Order // the order database, as reads of single orders return it, with history
	Listed   map[string]order.Order // the list
	Feed     []FeedEvent            // the event log from its beginning
	Payments map[string]Payment
	Actors   map[string]order.State
	Removed  map[string]bool // the tombstones in the order database
	// MaxLateness is how long after its due time an order may be delivered, and how long it may be created.
	MaxLateness time.Duration
}

// Lateness returns how long after its due time the latest delivery was.
func (s Stores) Lateness() time.Duration {
	var latest time.Duration
	for _, o := range s.Orders {
		if o.Status == order.Delivered && o.DeliverAt != nil {
			latest = max(latest, o.UpdatedAt.Sub(*o.DeliverAt))
		}
	}
	return latest
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

// Reading records everything that one reader got.
func (r *Recorder) Reading(reading Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readings = append(r.readings, reading)
}

// History returns what was recorded so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return History{Calls: slices.Clone(r.calls), Readings: slices.Clone(r.readings)}
}

// History is everything that the clients know.
type History struct {
	Calls    []Call
	Readings []Reading
}
