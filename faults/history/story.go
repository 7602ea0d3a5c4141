package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
)

// story tells all that is known of one order, one line per event, in the order of time.
func (c *check) story(id string) string {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	tell := func(at time.Time, format string, args ...any) {
		lines = append(lines, line{at, fmt.Sprintf(format, args...)})
	}
	t := c.of(id)
	for _, call := range c.related(t) {
		tell(call.Sent, "%s", call)
	}
	for _, e := range t.feed {
		tell(e.Order.UpdatedAt, "event log %s: %s", e.Cursor, brief(e.Order))
	}
	for _, r := range c.history.Readings {
		for _, e := range r.Events {
			if e.Order.ID == id {
				tell(e.At, "%s got %s: %s", r.Reader, e.Cursor, brief(e.Order))
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })

	var b strings.Builder
	fmt.Fprintf(&b, "  order %s\n", id)
	for _, l := range lines {
		fmt.Fprintf(&b, "    %s  %s\n", clock(l.at), l.text)
	}
	fmt.Fprintf(&b, "  at the end, %s\n", clock(c.world.At))
	if o, ok := c.world.Orders[id]; ok {
		fmt.Fprintf(&b, "    view:   %s\n", brief(o))
	} else {
		b.WriteString("    view:   unknown\n")
	}
	if s, ok := c.world.Actors[id]; ok {
		fmt.Fprintf(&b, "    actor:  %s, void owed: %t\n", brief(s.Order), s.VoidPending)
	} else {
		b.WriteString("    actor:  unknown\n")
	}
	if p, ok := c.world.Payments[id]; ok {
		fmt.Fprintf(&b, "    ledger: %s, %d %s, %d charges\n", p.Status, p.Amount, p.Currency, p.Charges)
	} else {
		b.WriteString("    ledger: unknown\n")
	}
	return b.String()
}

// related adds to an order's calls those that never learnt its id but share a key with one that did.
func (c *check) related(t *tale) []Call {
	calls := slices.Clone(t.calls)
	for _, call := range c.history.Calls {
		if call.Order != "" || call.Key == "" {
			continue
		}
		if slices.ContainsFunc(t.calls, func(known Call) bool { return known.Client == call.Client && known.Key == call.Key }) {
			calls = append(calls, call)
		}
	}
	return calls
}

// String is the call in one line.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s asks %s", c.Client, c.Op)
	if c.Key != "" {
		fmt.Fprintf(&b, " key=%s", c.Key)
	}
	if c.IfVersion != 0 {
		fmt.Fprintf(&b, " if version %d", c.IfVersion)
	}
	if c.Status == 0 {
		fmt.Fprintf(&b, " → no reply (gave up %s)", clock(c.Got))
		return b.String()
	}
	fmt.Fprintf(&b, " → %d", c.Status)
	if c.Code != "" {
		fmt.Fprintf(&b, " %s", c.Code)
	}
	if c.Reply != nil {
		fmt.Fprintf(&b, " %s", brief(*c.Reply))
	}
	if c.Replayed {
		b.WriteString(" (replayed)")
	}
	fmt.Fprintf(&b, " (at %s)", clock(c.Got))
	return b.String()
}

func brief(o order.Order) string {
	text := fmt.Sprintf("version %d %s, payment %s", o.Version, o.Status, o.Payment.Status)
	if o.DeliverAt != nil {
		text += ", due " + clock(*o.DeliverAt)
	}
	return text
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
