package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/orders-actor/order"
)

// trace describes all that is known about an order, one line per event, ordered by time.
func (c *check) trace(id string) string {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, line{at, fmt.Sprintf(format, args...)})
	}
	e := c.of(id)
	for _, call := range c.related(e) {
		add(call.Sent, "%s", call)
	}
	for _, entry := range e.feed {
		add(entry.Order.UpdatedAt, "event log %s: %s", entry.Cursor, summary(entry.Order))
	}
	for _, r := range c.history.Readings {
		for _, e := range r.Events {
			if e.Order.ID == id {
				add(e.At, "%s got %s: %s", r.Reader, e.Cursor, summary(e.Order))
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })

	var b strings.Builder
	fmt.Fprintf(&b, "  order %s\n", id)
	for _, l := range lines {
		fmt.Fprintf(&b, "    %s  %s\n", clock(l.at), l.text)
	}
	stored, actor, ledger := "none", "none", "none"
	if o, ok := c.stores.Orders[id]; ok {
		stored = summary(o)
	}
	if s, ok := c.stores.Actors[id]; ok {
		actor = fmt.Sprintf("%s, void pending: %t", summary(s.Order), s.VoidPending)
	}
	if p, ok := c.stores.Payments[id]; ok {
		ledger = fmt.Sprintf("%s, %d %s, %d charges", p.Status, p.Amount, p.Currency, p.Charges)
	}
	fmt.Fprintf(&b, "  at the end, %s\n    order database: %s\n    actor: %s\n    ledger: %s\n", clock(c.stores.At), stored, actor, ledger)
	return b.String()
}

// related returns the order's calls, and the creates without a reply that had the key of one of them.
func (c *check) related(e *evidence) []Call {
	calls := slices.Clone(e.calls)
	for _, call := range c.history.Calls {
		if call.Order != "" || call.Key == "" {
			continue
		}
		if slices.ContainsFunc(e.calls, func(known Call) bool { return known.Client == call.Client && known.Key == call.Key }) {
			calls = append(calls, call)
		}
	}
	return calls
}

// String returns the call in one line.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s sends %s", c.Client, c.Op)
	if c.Key != "" {
		fmt.Fprintf(&b, " key=%s", c.Key)
	}
	if c.Customer != "" {
		fmt.Fprintf(&b, " for %s", c.Customer)
	}
	if c.IfVersion != 0 {
		fmt.Fprintf(&b, " if version %d", c.IfVersion)
	}
	if c.Status == 0 {
		fmt.Fprintf(&b, " → no reply (until %s)", clock(c.Got))
		return b.String()
	}
	fmt.Fprintf(&b, " → %d", c.Status)
	if c.Code != "" {
		fmt.Fprintf(&b, " %s", c.Code)
	}
	if c.Reply != nil {
		fmt.Fprintf(&b, " %s", summary(*c.Reply))
	}
	if c.Replayed {
		b.WriteString(" (replayed)")
	}
	fmt.Fprintf(&b, " (at %s)", clock(c.Got))
	return b.String()
}

func summary(o order.Order) string {
	text := fmt.Sprintf("version %d %s, payment %s", o.Version, o.Status, o.Payment.Status)
	if o.DeliverAt != nil {
		text += ", due " + clock(*o.DeliverAt)
	}
	return text
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
