package history

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"orders/orders-actor/order"
)

// Invariant is one promise of the product. The numbers are those of docs/faults.md.
type Invariant int

// What must always hold.
const (
	CreateKept     Invariant = 1 + iota // an acknowledged create is never lost
	ChargedOnce                         // at most one charge per order, of the order's own amount
	FinalIsFinal                        // no way out of delivered or cancelled
	CancelKept                          // an acknowledged cancel is never delivered, a refused one never cancels
	VoidArrives                         // a cancelled order that was charged gets its void
	FinalInTime                         // every order is final soon after it is due, and not delivered before
	NoGaps                              // versions have no gaps and follow the machine
	Converged                           // list and feed converge to what the actors say; what was acknowledged is visible
	FeedComplete                        // a feed reader that resumes from its cursor misses nothing
	OneKeyOneOrder                      // one idempotency key makes one order
)

var names = map[Invariant]string{
	CreateKept:     "an acknowledged create is never lost",
	ChargedOnce:    "at most one charge per order, of its own amount",
	FinalIsFinal:   "no way out of delivered or cancelled",
	CancelKept:     "an acknowledged cancel is never delivered, a refused one never cancels",
	VoidArrives:    "a cancelled order that was charged gets its void",
	FinalInTime:    "every order is final soon after it is due",
	NoGaps:         "versions have no gaps",
	Converged:      "list and feed converge to what the actors say",
	FeedComplete:   "a feed reader that resumes misses nothing",
	OneKeyOneOrder: "one idempotency key makes one order",
}

func (i Invariant) String() string { return fmt.Sprintf("invariant %d, %s", int(i), names[i]) }

// Break is one broken invariant.
type Break struct {
	Invariant Invariant
	Order     string // may be empty when the service never told an id
	Detail    string
	Story     string // all that is known of the order, in the order of time
}

func (b Break) String() string {
	return fmt.Sprintf("%s: %s\n%s", b.Invariant, b.Detail, b.Story)
}

// Check compares what the clients were told with what the service holds, and returns every broken invariant.
func Check(h History, w World) []Break {
	c := &check{history: h, world: w, tales: make(map[string]*tale)}
	c.gather()
	for _, id := range c.ids() {
		c.order(id, c.tales[id])
	}
	c.keys()
	c.readers()
	return c.breaks
}

// Lateness is how long after its due time the latest delivery came.
func Lateness(w World) time.Duration {
	var latest time.Duration
	for _, o := range w.Orders {
		if o.Status == order.Delivered && o.DeliverAt != nil {
			latest = max(latest, o.UpdatedAt.Sub(*o.DeliverAt))
		}
	}
	return latest
}

// sight is one time that somebody saw an order.
type sight struct {
	where string
	order order.Order
}

// tale is all that concerns one order.
type tale struct {
	calls  []Call
	sights []sight
	feed   []FeedEvent
}

type check struct {
	history History
	world   World
	tales   map[string]*tale
	breaks  []Break
}

func (c *check) of(id string) *tale {
	t := c.tales[id]
	if t == nil {
		t = &tale{}
		c.tales[id] = t
	}
	return t
}

func (c *check) ids() []string {
	ids := make([]string, 0, len(c.tales))
	for id := range c.tales {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

func (c *check) fail(i Invariant, id, format string, args ...any) {
	c.breaks = append(c.breaks, Break{Invariant: i, Order: id, Detail: fmt.Sprintf(format, args...), Story: c.story(id)})
}

func (c *check) gather() {
	for _, call := range c.history.Calls {
		if call.Order == "" {
			continue
		}
		t := c.of(call.Order)
		t.calls = append(t.calls, call)
		if call.Reply != nil {
			t.sights = append(t.sights, sight{where: "a reply to " + string(call.Op), order: *call.Reply})
		}
	}
	for _, e := range c.world.Feed {
		t := c.of(e.Order.ID)
		t.feed = append(t.feed, e)
		t.sights = append(t.sights, sight{where: "the event log", order: e.Order})
	}
	for _, r := range c.history.Readings {
		for _, e := range r.Events {
			t := c.of(e.Order.ID)
			t.sights = append(t.sights, sight{where: "the feed of " + r.Reader, order: e.Order})
		}
	}
	for id, o := range c.world.Listed {
		t := c.of(id)
		t.sights = append(t.sights, sight{where: "the list", order: o})
	}
	for id, o := range c.world.Orders {
		t := c.of(id)
		t.sights = append(t.sights, sight{where: "the view", order: o})
	}
	for id, s := range c.world.Actors {
		t := c.of(id)
		t.sights = append(t.sights, sight{where: "the actor", order: s.Order})
	}
	for id := range c.world.Payments {
		c.of(id)
	}
}

func (c *check) order(id string, t *tale) {
	o, held := c.world.Orders[id]
	if !held {
		c.absent(id, t)
		return
	}
	c.created(id, t, o)
	c.charged(id, o)
	c.final(id, t)
	c.cancelled(id, t, o)
	c.voided(id, o)
	c.inTime(id, o)
	c.versions(id, t, o)
	c.converged(id, t, o)
	c.visible(id, t)
}

// absent judges an order that the service doesn't show.
func (c *check) absent(id string, t *tale) {
	if p, ok := c.world.Payments[id]; ok && (p.Charges > 0 || p.Status == "confirmed") {
		c.fail(ChargedOnce, id, "money was taken for an order that does not exist")
	}
	for _, call := range t.calls {
		if call.Acknowledged() {
			c.fail(CreateKept, id, "the service said %d to %s and does not know the order", call.Status, call.Op)
			return
		}
	}
	for _, s := range t.sights {
		// A create that stopped between the actor's save and the view, and that nobody repeated, was never told to
		// anybody, is never charged, and stays an actor's state that nobody asks for.
		if s.where == "the actor" && s.order.Version == 1 {
			continue
		}
		c.fail(Converged, id, "%s shows an order that the view does not know", s.where)
		return
	}
}

// created: what was acknowledged is what was asked for.
func (c *check) created(id string, t *tale, o order.Order) {
	for _, call := range t.calls {
		if call.Op != Create || !call.Acknowledged() {
			continue
		}
		if o.Customer != call.Client || o.Currency != call.Currency || !slices.Equal(o.Items, call.Items) {
			c.fail(CreateKept, id, "the order is not what was asked for")
			return
		}
	}
	if s, ok := c.world.Actors[id]; c.world.Actors != nil && !ok {
		c.fail(CreateKept, id, "the actor has no state")
	} else if ok && !slices.Equal(s.Items, o.Items) {
		c.fail(CreateKept, id, "the actor holds another order")
	}
}

func (c *check) charged(id string, o order.Order) {
	p, known := c.world.Payments[id]
	switch {
	case p.Charges > 1:
		c.fail(ChargedOnce, id, "money was taken %d times", p.Charges)
	case p.Status == "confirmed" && (p.Amount != o.Total || p.Currency != o.Currency):
		c.fail(ChargedOnce, id, "%d %s were taken instead of %d %s", p.Amount, p.Currency, o.Total, o.Currency)
	case (o.Status == order.Confirmed || o.Status == order.Delivered) && p.Status != "confirmed":
		c.fail(ChargedOnce, id, "the order says that it is paid, the ledger says %q (known: %t)", p.Status, known)
	}
}

func (c *check) final(id string, t *tale) {
	for _, done := range t.sights {
		if !done.order.Status.Final() {
			continue
		}
		for _, s := range t.sights {
			if s.order.Version >= done.order.Version && s.order.Status != done.order.Status {
				c.fail(FinalIsFinal, id, "%s shows version %d %s, %s shows version %d %s",
					done.where, done.order.Version, done.order.Status, s.where, s.order.Version, s.order.Status)
				return
			}
			if s.order.Version > done.order.Version {
				c.fail(FinalIsFinal, id, "%s at version %d and again at version %d",
					done.order.Status, done.order.Version, s.order.Version)
				return
			}
		}
	}
}

func (c *check) cancelled(id string, t *tale, o order.Order) {
	var acked, refused bool
	changed := 0
	for _, call := range t.calls {
		if call.Op == Cancel {
			if call.Changed {
				changed++
			}
			acked = acked || call.Acknowledged()
			refused = refused || call.Code == string(order.AlreadyDelivered)
		}
	}
	if changed > 1 {
		c.fail(CancelKept, id, "%d cancels were told that they cancelled the order", changed)
	}
	switch {
	case acked && refused:
		c.fail(CancelKept, id, "a cancel was acknowledged and another one was told that the order is delivered")
	case refused && o.Status != order.Delivered:
		c.fail(CancelKept, id, "a cancel was told that the order is delivered, and it is %s", o.Status)
	case acked:
		for _, s := range append(t.sights, sight{where: "the view", order: o}) {
			if s.order.Status == order.Delivered {
				c.fail(CancelKept, id, "a cancel was acknowledged and %s shows version %d delivered", s.where, s.order.Version)
				return
			}
		}
		if o.Status != order.Cancelled {
			c.fail(CancelKept, id, "a cancel was acknowledged and the order is %s", o.Status)
		}
	}
}

func (c *check) voided(id string, o order.Order) {
	if o.Status != order.Cancelled {
		return
	}
	p, known := c.world.Payments[id]
	byUser := o.Cancellation == nil || o.Cancellation.By != order.ByPayment
	switch {
	case p.Status == "confirmed":
		c.fail(VoidArrives, id, "the order is cancelled and its payment still stands")
	case byUser && p.Status != "voided":
		c.fail(VoidArrives, id, "the order was cancelled by the user and the ledger says %q (known: %t)", p.Status, known)
	case c.world.Actors[id].VoidPending:
		c.fail(VoidArrives, id, "the void is still owed")
	}
}

func (c *check) inTime(id string, o order.Order) {
	late := c.world.At.Sub(o.UpdatedAt)
	switch {
	case o.Status == order.Created && late > c.world.Soon:
		c.fail(FinalInTime, id, "still created after %s", late)
	case o.Status == order.Confirmed && o.DeliverAt == nil:
		c.fail(FinalInTime, id, "confirmed and never due")
	case o.Status == order.Confirmed && c.world.At.Sub(*o.DeliverAt) > c.world.Soon:
		c.fail(FinalInTime, id, "still confirmed %s after it was due", c.world.At.Sub(*o.DeliverAt))
	case o.Status != order.Delivered:
	case o.DeliverAt == nil:
		c.fail(FinalInTime, id, "delivered and never due")
	case o.UpdatedAt.Before(*o.DeliverAt):
		c.fail(FinalInTime, id, "delivered %s before it was due", o.DeliverAt.Sub(o.UpdatedAt))
	case o.UpdatedAt.Sub(*o.DeliverAt) > c.world.Soon:
		c.fail(FinalInTime, id, "delivered %s after it was due", o.UpdatedAt.Sub(*o.DeliverAt))
	}
}

func (c *check) versions(id string, t *tale, o order.Order) {
	if detail := badHistory(o); detail != "" {
		c.fail(NoGaps, id, "the view: %s", detail)
		return
	}
	if s, ok := c.world.Actors[id]; ok {
		if detail := badHistory(s.Order); detail != "" {
			c.fail(NoGaps, id, "the actor: %s", detail)
			return
		}
	}
	for _, s := range t.sights {
		if s.order.Version < 1 || s.order.Version > o.Version {
			continue // newer than the view: converged tells
		}
		if was := o.History[s.order.Version-1]; was.Status != s.order.Status || !was.At.Equal(s.order.UpdatedAt) {
			c.fail(NoGaps, id, "%s shows version %d as %s at %s, the view's history as %s at %s", s.where, s.order.Version,
				s.order.Status, clock(s.order.UpdatedAt), was.Status, clock(was.At))
			return
		}
	}
	if c.world.Feed == nil {
		return
	}
	for i, e := range t.feed {
		if e.Order.Version != i+1 {
			c.fail(NoGaps, id, "the event log goes from version %d to %d", i, e.Order.Version)
			return
		}
	}
}

// badHistory says how an order's own history breaks the machine.
func badHistory(o order.Order) string {
	if o.Version != len(o.History) || o.Version == 0 {
		return fmt.Sprintf("version %d with %d entries of history", o.Version, len(o.History))
	}
	if o.History[0].Status != order.Created {
		return fmt.Sprintf("it began as %s", o.History[0].Status)
	}
	for i, e := range o.History {
		if e.Version != i+1 {
			return fmt.Sprintf("entry %d of the history is version %d", i+1, e.Version)
		}
		if i == 0 {
			continue
		}
		before := o.History[i-1]
		if to, ok := before.Status.Next(order.Event(e.Cause)); !ok || to != e.Status {
			return fmt.Sprintf("the machine knows no way from %s by %s to %s", before.Status, e.Cause, e.Status)
		}
		if e.At.Before(before.At) {
			return fmt.Sprintf("version %d is older than version %d", e.Version, before.Version)
		}
	}
	if last := o.History[len(o.History)-1]; last.Status != o.Status {
		return fmt.Sprintf("it is %s and its history ends %s", o.Status, last.Status)
	}
	return ""
}

// converged: the actor, the list and the event log all end where the view is.
func (c *check) converged(id string, t *tale, o order.Order) {
	differs := func(where string, other order.Order, ok bool) bool {
		switch {
		case !ok:
			c.fail(Converged, id, "%s does not know the order", where)
		case other.Version != o.Version || other.Status != o.Status || !samePayment(other, o) || !sameTime(other.DeliverAt, o.DeliverAt):
			c.fail(Converged, id, "%s ends with version %d %s, payment %s; the view with version %d %s, payment %s", where,
				other.Version, other.Status, other.Payment.Status, o.Version, o.Status, o.Payment.Status)
		default:
			return false
		}
		return true
	}
	if c.world.Actors != nil {
		if s, ok := c.world.Actors[id]; ok && differs("the actor", s.Order, true) { // an actor without state: created tells
			return
		}
	}
	if c.world.Listed != nil {
		if listed, ok := c.world.Listed[id]; differs("the list", listed, ok) {
			return
		}
	}
	if c.world.Feed != nil {
		var last order.Order
		if n := len(t.feed); n > 0 {
			last = t.feed[n-1].Order
		}
		if differs("the event log", last, len(t.feed) > 0) {
			return
		}
	}
	for _, s := range t.sights {
		if s.order.Version > o.Version {
			c.fail(Converged, id, "%s showed version %d, the view ends with version %d", s.where, s.order.Version, o.Version)
			return
		}
	}
}

// visible: what a create or cancel was told is in every read that was sent afterwards.
func (c *check) visible(id string, t *tale) {
	for _, read := range t.calls {
		if read.Op != Read {
			continue
		}
		for _, write := range t.calls {
			if write.Op == Read || !write.Acknowledged() || !read.Sent.After(write.Got) {
				continue
			}
			if read.Status == 404 {
				c.fail(Converged, id, "a read after an acknowledged %s was told that there is no such order", write.Op)
				return
			}
			if read.Reply != nil && write.Reply != nil && read.Reply.Version < write.Reply.Version {
				c.fail(Converged, id, "a read after an acknowledged %s of version %d showed version %d",
					write.Op, write.Reply.Version, read.Reply.Version)
				return
			}
		}
	}
}

// keys: one idempotency key makes one order, whatever was repeated, and a call without key at most one each.
func (c *check) keys() {
	type slot struct{ client, key string }
	first := make(map[slot]Call) // the first acknowledged create of each key
	allowed := make(map[string]int)
	keyed := make(map[slot]string)
	for _, call := range c.history.Calls {
		if call.Op != Create || len(call.Items) == 0 {
			continue
		}
		sku, s := call.Items[0].SKU, slot{call.Client, call.Key}
		switch {
		case call.Key == "":
			allowed[sku]++
		case keyed[s] != sku: // another body under the same key is never more than one order in all
			keyed[s] = sku
			allowed[sku] = 1
		}
		if call.Key == "" || !call.Acknowledged() {
			continue
		}
		was, seen := first[s]
		switch {
		case !seen:
			first[s] = call
		case !was.Replayed && !call.Replayed && was.Order == call.Order:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q: two requests were told that they made the order", call.Client, call.Key)
		case was.Order != call.Order:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q made order %s and this one", call.Client, call.Key, was.Order)
		case !slices.Equal(was.Items, call.Items) || was.Currency != call.Currency:
			c.fail(OneKeyOneOrder, call.Order, "%s's key %q was accepted with two bodies", call.Client, call.Key)
		}
	}
	made := make(map[string]int)
	for _, id := range c.ids() {
		o, ok := c.world.Orders[id]
		if !ok || len(o.Items) == 0 {
			continue
		}
		sku := o.Items[0].SKU
		if made[sku]++; made[sku] == allowed[sku]+1 {
			c.fail(OneKeyOneOrder, id, "%d orders hold %s, which was asked for %d times", made[sku], sku, allowed[sku])
		}
	}
}

// readers: each reader got each version of each order that it may see once, in order, with the log's own cursor.
func (c *check) readers() {
	type version struct {
		id string
		v  int
	}
	if len(c.history.Readings) == 0 {
		return
	}
	cursors := make(map[version]string, len(c.world.Feed))
	for _, e := range c.world.Feed {
		cursors[version{e.Order.ID, e.Order.Version}] = e.Cursor
	}
	for _, r := range c.history.Readings {
		at := make(map[string]int, len(r.Start))
		for id, v := range r.Start {
			at[id] = v
		}
		failed := make(map[string]bool)
		for _, e := range r.Events {
			id, v := e.Order.ID, e.Order.Version
			if failed[id] {
				continue
			}
			known, logged := cursors[version{id, v}]
			switch {
			case r.Customer != "" && e.Order.Customer != r.Customer:
				c.fail(FeedComplete, id, "%s of %s got an order of %s", r.Reader, r.Customer, e.Order.Customer)
			case v <= at[id]:
				c.fail(FeedComplete, id, "%s got version %d after version %d", r.Reader, v, at[id])
			case v > at[id]+1:
				c.fail(FeedComplete, id, "%s got version %d and missed version %d", r.Reader, v, at[id]+1)
			case c.world.Feed != nil && (!logged || known != e.Cursor):
				c.fail(FeedComplete, id, "%s got version %d at cursor %q, the log has it at %q", r.Reader, v, e.Cursor, known)
			default:
				at[id] = v
				continue
			}
			failed[id] = true
		}
		if !r.Complete {
			continue
		}
		for _, id := range c.ids() {
			o, ok := c.world.Orders[id]
			if ok && !failed[id] && (r.Customer == "" || o.Customer == r.Customer) && at[id] < o.Version {
				c.fail(FeedComplete, id, "%s ended at version %d and missed version %d", r.Reader, at[id], at[id]+1)
			}
		}
	}
}

// samePayment ignores the notes about failed calls of an order that waits for its payment: they make no version.
func samePayment(a, b order.Order) bool {
	return order.State{Order: a}.WithoutNotes().Payment == order.State{Order: b}.WithoutNotes().Payment
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
