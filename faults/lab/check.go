package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"orders/faults/history"
	"orders/kit/httpapi/problem"
	"orders/orders-actor/order"
)

// maxLateness is how late a delivery may be. Kills follow one another, Dapr's scheduler needs 20 s after a restart, and the
// reconciler waits up to 30 s between two attempts to resume an order.
const maxLateness = 2 * time.Minute

// settleTimeout limits the wait for work that is still in progress after the traffic. It is longer than maxLateness, so that an
// order that is still not final is a violation.
const settleTimeout = 3 * time.Minute

// maxShown limits the violations of one invariant whose traces are sent. All are counted.
const maxShown = 10

// maxCalls limits the calls and events of a posted history.
const maxCalls = 100_000

// record is everything that the clients of one run saw.
type record struct {
	Calls    []call    `json:"calls"`
	Readings []reading `json:"readings"`
}

// call is one request and its reply. See history.Call.
type call struct {
	Op       history.Op      `json:"op"`
	Client   string          `json:"client"`
	Order    string          `json:"order,omitempty"`
	Key      string          `json:"key,omitempty"`
	Items    []order.Item    `json:"items,omitempty"`
	Currency string          `json:"currency,omitempty"`
	Sent     int64           `json:"sent"` // Unix time in ms, as all times of a record
	Got      int64           `json:"got"`
	Status   int             `json:"status"` // 0: no reply
	Code     string          `json:"code,omitempty"`
	Replayed bool            `json:"replayed,omitempty"`
	Reply    json.RawMessage `json:"reply,omitempty"` // the body of a successful reply
}

// reading is everything that a reader of the feed got. See history.Reading.
type reading struct {
	Reader   string  `json:"reader"`
	Events   []event `json:"events"`
	Complete bool    `json:"complete"`
}

type event struct {
	Cursor string          `json:"cursor"`
	Order  json.RawMessage `json:"order"`
	At     int64           `json:"at"`
}

// history returns the record as the checker takes it. Errors are problems that name the bad field.
func (r record) history() (h history.History, err error) {
	if len(r.Calls) > maxCalls {
		return h, bad("calls", "must be at most %d", maxCalls)
	}
	for i, c := range r.Calls {
		if !slices.Contains([]history.Op{history.Create, history.Cancel, history.Read}, c.Op) {
			return h, bad(fmt.Sprintf("calls[%d].op", i), "must be create, cancel or read")
		}
		if c.Client == "" {
			return h, bad(fmt.Sprintf("calls[%d].client", i), "must not be empty")
		}
		done := history.Call{
			Op: c.Op, Client: c.Client, Order: c.Order, Key: c.Key, Items: c.Items, Currency: c.Currency,
			Sent: time.UnixMilli(c.Sent), Got: time.UnixMilli(c.Got), Status: c.Status, Code: c.Code, Replayed: c.Replayed,
		}
		if c.Reply != nil {
			var reply struct {
				order.Order
				Changed bool `json:"changed"`
			}
			if json.Unmarshal(c.Reply, &reply) != nil || reply.ID == "" {
				return h, bad(fmt.Sprintf("calls[%d].reply", i), "must be an order")
			}
			done.Reply, done.Order, done.Changed = &reply.Order, reply.ID, reply.Changed
		}
		h.Calls = append(h.Calls, done)
	}
	for i, r := range r.Readings {
		if len(r.Events) > maxCalls {
			return h, bad(fmt.Sprintf("readings[%d].events", i), "must be at most %d", maxCalls)
		}
		done := history.Reading{Reader: r.Reader, Complete: r.Complete}
		for n, e := range r.Events {
			seen := history.FeedEvent{Cursor: e.Cursor, At: time.UnixMilli(e.At)}
			if json.Unmarshal(e.Order, &seen.Order) != nil || seen.Order.ID == "" {
				return h, bad(fmt.Sprintf("readings[%d].events[%d].order", i, n), "must be an order")
			}
			done.Events = append(done.Events, seen)
		}
		h.Readings = append(h.Readings, done)
	}
	return h, nil
}

func bad(field, message string, args ...any) error {
	return problem.Fields(problem.FieldError{Field: field, Message: fmt.Sprintf(message, args...)})
}

// limit removes what other users did: earlier runs, and visitors who use the product meanwhile. A charge or a state of an order
// that no other user has stays, because the checker must report it.
func limit(h history.History, s history.Stores) (history.History, history.Stores) {
	clients := map[string]bool{}
	for _, c := range h.Calls {
		clients[c.Client] = true
	}
	foreign := map[string]bool{}
	notOurs := func(o order.Order) bool {
		if !clients[o.Customer] {
			foreign[o.ID] = true
		}
		return !clients[o.Customer]
	}
	remove := func(orders map[string]order.Order) {
		for id, o := range orders {
			if notOurs(o) {
				delete(orders, id)
			}
		}
	}
	remove(s.Orders)
	remove(s.Listed)
	for id, state := range s.Actors {
		if notOurs(state.Order) {
			delete(s.Actors, id)
		}
	}
	s.Feed = slices.DeleteFunc(s.Feed, func(e history.FeedEvent) bool { return notOurs(e.Order) })
	for i, r := range h.Readings {
		h.Readings[i].Events = slices.DeleteFunc(r.Events, func(e history.FeedEvent) bool { return notOurs(e.Order) })
	}
	for id := range foreign {
		delete(s.Payments, id)
	}
	return h, s
}

// Verdict is the result of a check, as the page shows it.
type Verdict struct {
	Settled    bool      `json:"settled"` // whether all work ended in time
	Orders     int       `json:"orders"`
	Delivered  int       `json:"delivered"`
	Cancelled  int       `json:"cancelled"`
	Lateness   int64     `json:"lateness"` // of the latest delivery after its due time, in ms
	Invariants []Outcome `json:"invariants"`
}

// Outcome is the result for one invariant.
type Outcome struct {
	Number     int         `json:"number"`
	Name       string      `json:"name"`
	Checked    int         `json:"checked"`
	Facts      string      `json:"facts"` // what Checked counts
	Violated   int         `json:"violated"`
	Violations []violation `json:"violations"` // the first ones
}

type violation struct {
	Order  string `json:"order,omitempty"`
	Detail string `json:"detail"`
	Trace  string `json:"trace"`
}

func (v Verdict) violated() bool {
	return slices.ContainsFunc(v.Invariants, func(o Outcome) bool { return o.Violated > 0 })
}

// judge runs the checker.
func judge(h history.History, s history.Stores) Verdict {
	h, s = limit(h, s)
	s.MaxLateness = maxLateness
	report := history.Examine(h, s)
	v := Verdict{Orders: len(s.Orders), Lateness: s.Lateness().Milliseconds()}
	for _, o := range s.Orders {
		switch o.Status {
		case order.Delivered:
			v.Delivered++
		case order.Cancelled:
			v.Cancelled++
		default: // a violation
		}
	}
	for _, i := range history.Invariants() {
		outcome := Outcome{Number: int(i), Name: i.Name(), Checked: report.Checked[i], Facts: i.Facts(), Violations: []violation{}}
		for _, found := range report.Violations {
			if found.Invariant != i {
				continue
			}
			outcome.Violated++
			if outcome.Violated <= maxShown {
				outcome.Violations = append(outcome.Violations, violation{found.Order, found.Detail, strings.TrimRight(found.Trace, "\n")})
			}
		}
		v.Invariants = append(v.Invariants, outcome)
	}
	return v
}

// reader reads the stores of the product.
type reader interface {
	Settled(ctx context.Context) (bool, error)
	Load(ctx context.Context, begin string) (history.Stores, error)
}

// settle lets payments work, starts all parts, and waits until all orders are final and no void is pending. It returns false if
// that takes longer than settleTimeout.
func (l *lab) settle(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		settled, err := l.settled(limited)
		if settled || ctx.Err() != nil {
			return settled, ctx.Err()
		}
		select {
		case <-limited.Done():
			l.log.WarnContext(ctx, "orders are not final in time", "error", err)
			return false, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (l *lab) settled(ctx context.Context) (bool, error) {
	if err := l.parts.Pay(ctx, Normal); err != nil {
		return false, err
	}
	if err := l.parts.StartAll(ctx); err != nil {
		return false, err
	}
	return l.stores.Settled(ctx)
}

// check waits until all work has ended, reads the stores, and compares them with the history.
func (l *lab) check(ctx context.Context, h history.History) (Verdict, error) {
	settled, err := l.settle(ctx)
	if err != nil {
		return Verdict{}, err
	}
	s, err := l.stores.Load(ctx, l.begin)
	if err != nil {
		return Verdict{}, err
	}
	v := judge(h, s)
	v.Settled = settled
	if v.violated() {
		l.violated.Store(true)
	}
	return v, nil
}
