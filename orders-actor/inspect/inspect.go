package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orders/kit/run"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
)

// ErrNotFound means that neither the actor nor the order database has the order, or that it was removed.
var ErrNotFound = errors.New("no such order")

// Orders reads what an order's actor stores.
type Orders interface {
	Inspect(ctx context.Context, id string) (orderactor.Inspection, error)
}

// OrderDB is the order database.
type OrderDB interface {
	Find(ctx context.Context, id string) (order.State, bool, error)
	// SetFindings stores the codes of what is inconsistent about an order; none if it is consistent.
	SetFindings(ctx context.Context, id string, now time.Time, codes []string) error
}

// Ledger is the ledger of payments-svc.
type Ledger interface {
	Find(ctx context.Context, p payer.Payment) (payer.Record, bool, error)
}

// Reminders reads when the reminder of an order fires.
type Reminders interface {
	Due(ctx context.Context, id string) (due time.Time, set bool, err error)
}

// Inspector reads all parts and judges what they say. Its methods may be called concurrently.
type Inspector struct {
	Orders    Orders
	OrderDB   OrderDB
	Ledger    Ledger
	Reminders Reminders
	Log       *slog.Logger
	After     time.Duration // how long an order may wait for its payment, delivery or void
	Clock     func() time.Time
	// Sleep waits between two readings of an order. Outside of tests it is retry.Sleep.
	Sleep func(ctx context.Context, d time.Duration)
}

const (
	partTimeout = 2 * time.Second        // of each part; two of them are asked one after another
	pause       = 500 * time.Millisecond // between two readings
	maxReadings = 3                      // with partTimeout below the deadline of a request
)

// Verdict sums up an inspection.
type Verdict string

// The verdicts.
const (
	VerdictConsistent   Verdict = "consistent"
	VerdictWaiting      Verdict = "waiting"
	VerdictInconsistent Verdict = "inconsistent"
	VerdictUnknown      Verdict = "unknown" // nothing is known to be inconsistent, but a part did not answer or the order kept changing
)

// Result is what an inspection has found.
type Result struct {
	Observation Observation // the last reading
	At          time.Time
	Findings    []Finding
	Moving      bool // the order changed between all readings
	Verdict     Verdict
}

// Inspect reads an order, and again if there are findings. It returns ErrNotFound if there is no such order, and otherwise an
// error only when neither actor nor order database answers. It stores whether the order is inconsistent, if it knows.
func (i *Inspector) Inspect(ctx context.Context, id string) (Result, error) {
	r, err := i.read(ctx, id)
	if err != nil {
		return r, err
	}
	for n := 1; len(r.Findings) > 0; n++ {
		if n == maxReadings {
			r.Findings, r.Moving = nil, true
			break
		}
		i.Sleep(ctx, pause)
		next, err := i.read(ctx, id)
		if err != nil {
			return r, err
		}
		if !moved(r.Observation, next.Observation) {
			next.Findings = inBoth(next.Findings, r.Findings)
			r = next
			break
		}
		r = next
	}
	r.Verdict = r.verdict()
	i.store(ctx, r)
	return r, nil
}

func (i *Inspector) read(ctx context.Context, id string) (Result, error) {
	o := i.Observe(ctx, id)
	if o.removed() {
		return Result{}, fmt.Errorf("inspect order %s, which was removed: %w", id, ErrNotFound)
	}
	if !o.Actor.Found && !o.Database.Found {
		if o.Actor.Err == nil && o.Database.Err == nil {
			return Result{}, fmt.Errorf("inspect order %s: %w", id, ErrNotFound)
		}
		if o.Database.Err != nil {
			return Result{}, fmt.Errorf("inspect order %s: %w", id, errors.Join(o.Actor.Err, o.Database.Err))
		}
	}
	now := i.Clock()
	return Result{Observation: o, At: now, Findings: Judge(o, now)}, nil
}

// Observe reads all parts once. Each has a timeout of its own. The ledger is not asked for an order that neither the actor nor
// the order database has, since payments-svc wants to know the amount.
func (i *Inspector) Observe(ctx context.Context, id string) Observation {
	o := Observation{ID: id, After: i.After}
	var parts sync.WaitGroup
	parts.Go(func() {
		o.Actor.Err = run.Catch(ctx, i.Log, "inspect", func() error {
			return ask(ctx, &o.Actor, func(ctx context.Context) (orderactor.Inspection, bool, error) {
				answer, err := i.Orders.Inspect(ctx, id)
				return answer, answer.Stored, err
			})
		})
	})
	parts.Go(func() {
		o.Reminder.Err = run.Catch(ctx, i.Log, "inspect", func() error {
			return ask(ctx, &o.Reminder, func(ctx context.Context) (time.Time, bool, error) { return i.Reminders.Due(ctx, id) })
		})
	})
	o.Database.Err = ask(ctx, &o.Database, func(ctx context.Context) (order.State, bool, error) { return i.OrderDB.Find(ctx, id) })
	parts.Wait()
	if current, known := o.current(); known {
		o.Ledger.Err = ask(ctx, &o.Ledger, func(ctx context.Context) (payer.Record, bool, error) { return i.Ledger.Find(ctx, payer.Of(current)) })
	}
	return o
}

// ask calls a part within its timeout, and fills in what it answers.
func ask[T any](ctx context.Context, a *Answer[T], call func(context.Context) (T, bool, error)) error {
	timeoutCtx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	value, found, err := call(timeoutCtx)
	switch {
	case err == nil:
		a.Value, a.Found = value, found
	case errors.Is(timeoutCtx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s: %w", partTimeout, err)
	}
	return err
}

// moved reports whether a turn has changed the order between two readings.
func moved(a, b Observation) bool {
	version := func(o Observation) [2]int { return [2]int{o.Actor.Value.State.Version, o.Database.Value.Version} }
	return version(a) != version(b)
}

// inBoth returns the findings of which the other list has the code too.
func inBoth(findings, other []Finding) (both []Finding) {
	for _, f := range findings {
		for _, g := range other {
			if f.Code == g.Code {
				both = append(both, f)
				break
			}
		}
	}
	return both
}

// Missing returns the names of the parts that did not answer.
func (o Observation) Missing() (names []string) {
	for _, part := range []struct {
		name string
		err  error
	}{
		{"actor", o.Actor.Err}, {"order database", o.Database.Err}, {"ledger", o.Ledger.Err}, {"scheduler", o.Reminder.Err},
	} {
		if part.err != nil {
			names = append(names, part.name)
		}
	}
	return names
}

func (r Result) verdict() Verdict {
	verdict := VerdictConsistent
	for _, f := range r.Findings {
		if f.Severity == Inconsistent {
			return VerdictInconsistent
		}
		verdict = VerdictWaiting
	}
	if verdict == VerdictConsistent && (r.Moving || len(r.Observation.Missing()) > 0) {
		return VerdictUnknown
	}
	return verdict
}

// store stores what is inconsistent. Without an answer of each part, only a difference is known, not that there is none.
func (i *Inspector) store(ctx context.Context, r Result) {
	var codes []string
	for _, f := range r.Findings {
		if f.Severity == Inconsistent {
			codes = append(codes, string(f.Code))
		}
	}
	if codes == nil && (r.Moving || len(r.Observation.Missing()) > 0) {
		return
	}
	if err := i.OrderDB.SetFindings(ctx, r.Observation.ID, r.At, codes); err != nil {
		i.Log.WarnContext(ctx, "cannot store the findings of an order", "order", r.Observation.ID, "findings", codes, "error", err)
	}
}
