package chaos

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// Report is what a run showed.
type Report struct {
	Options
	Plan   []fault
	Began  time.Time
	Struck []time.Duration // since the beginning, when each fault of the plan came

	Took                         time.Duration
	Made, Delivered, Cancelled   int
	Calls, Retries               int64
	ServerErrors, NoReply        int64
	Events                       int // read from the feed, by all readers
	Lateness                     time.Duration
	Latest                       time.Duration // since the beginning, when the latest delivery was due
	CancelsAcked, CancelsTooLate int
	Conflicts                    []string // turns that the view decided against, as the replicas logged them
	Replays                      int
	Breaks                       []history.Break
	Outside                      int      // replies outside of the contract
	Violations                   []string // the first of them
}

// Err is nil when the service kept its promises, and the contract.
func (p Report) Err() error {
	switch {
	case len(p.Breaks) > 0:
		return fmt.Errorf("%d promises were broken", len(p.Breaks))
	case p.Outside > 0:
		return fmt.Errorf("%d replies were outside of the contract", p.Outside)
	}
	return nil
}

func (p *Report) finish(r *run, h history.History, w history.World) {
	p.Took = time.Since(p.Began)
	p.Made = len(w.Orders)
	for _, o := range w.Orders {
		switch o.Status {
		case order.Delivered:
			p.Delivered++
		case order.Cancelled:
			p.Cancelled++
		default: // the checker tells
		}
	}
	for _, c := range h.Calls {
		switch {
		case c.Op == history.Cancel && c.Acknowledged():
			p.CancelsAcked++
		case c.Op == history.Cancel && c.Code == string(order.AlreadyDelivered):
			p.CancelsTooLate++
		case c.Replayed:
			p.Replays++
		}
	}
	p.Calls, p.Retries = r.api.calls.Load(), r.api.retries.Load()
	p.ServerErrors, p.NoReply = r.api.serverErrors.Load(), r.api.noReply.Load()
	p.Outside, p.Violations = r.api.outside, r.api.violations
	p.Lateness = history.Lateness(w)
	for _, o := range w.Orders {
		if o.Status == order.Delivered && o.DeliverAt != nil && o.UpdatedAt.Sub(*o.DeliverAt) == p.Lateness {
			p.Latest = o.DeliverAt.Sub(p.Began)
		}
	}
}

// Write writes the report as Markdown.
func (p Report) Write(out io.Writer) error {
	setup := "SQLite, one replica"
	if p.Setup == Postgres {
		setup = "PostgreSQL, two replicas"
	}
	verdict := "No promise was broken."
	if err := p.Err(); err != nil {
		verdict = fmt.Sprintf("**%s**, see below.", err)
	}
	_, err := fmt.Fprintf(out, `# %s: %d orders, %d faults, seed %d

    make chaos SETUP=%s ORDERS=%d FAULTS=%d SEED=%d

%s on %s, %d cores, %s.

%s

| | |
| --- | --- |
| orders made | %d |
| delivered | %d |
| cancelled | %d |
| faults | %d |
| requests | %d |
| retries by clients | %d |
| replies 5xx | %d |
| no reply | %d |
| replies outside of the contract | %d |
| creates answered as replays | %d |
| cancels acknowledged, refused as too late | %d, %d |
| events read from the feed by 4 readers | %d |
| turns that the view decided against | %d |
| longest lateness of a delivery | %s (due at %.0f s) |
| broken invariants | %d |

The plan:

`, setup, p.Orders, p.Faults, p.Seed, p.Setup, p.Orders, p.Faults, p.Seed,
		p.Began.UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), p.Took.Round(time.Second), verdict,
		p.Made, p.Delivered, p.Cancelled, len(p.Plan), p.Calls, p.Retries, p.ServerErrors, p.NoReply, p.Outside, p.Replays,
		p.CancelsAcked, p.CancelsTooLate, p.Events, len(p.Conflicts), p.Lateness.Round(time.Millisecond),
		p.Latest.Seconds(), len(p.Breaks))
	if err != nil {
		return err
	}
	for i, f := range p.Plan {
		at := ""
		if i < len(p.Struck) {
			at = fmt.Sprintf(", at %.0f s", p.Struck[i].Seconds())
		}
		if _, err := fmt.Fprintf(out, "%d. %s%s\n", i+1, f, at); err != nil {
			return err
		}
	}
	if len(p.Conflicts) > 0 {
		if _, err := fmt.Fprintf(out, "\nTurns that the view decided against:\n\n```\n%s\n```\n", strings.Join(p.Conflicts, "\n")); err != nil {
			return err
		}
	}
	for _, b := range p.Breaks {
		if _, err := fmt.Fprintf(out, "\n```\n%s```\n", b); err != nil {
			return err
		}
	}
	for _, v := range p.Violations {
		if _, err := fmt.Fprintf(out, "\n```\n%s\n```\n", v); err != nil {
			return err
		}
	}
	return nil
}
