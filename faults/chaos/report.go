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

// numReaders is the number of readers of the feed.
const numReaders = 4

// Report is the result of a run.
type Report struct {
	Options
	Plan     []fault
	Began    time.Time
	Injected []time.Duration // when each fault of the plan was injected, since the start

	Took                          time.Duration
	Created, Delivered, Cancelled int
	Requests, Retries             int64
	ServerErrors, NoReply         int64
	Events                        int // read from the feed, by all readers
	Lateness                      time.Duration
	Latest                        time.Duration // when the latest delivery was due, since the start
	CancelsAcked, CancelsTooLate  int
	Conflicts                     []string // from the replicas' logs
	Replays                       int
	Violations                    []history.Violation
	InvalidReplies                int      // replies that violate the contract
	ContractErrors                []string // the first of them
}

// Err returns nil if neither an invariant nor the contract was violated.
func (p Report) Err() error {
	switch {
	case len(p.Violations) > 0:
		return fmt.Errorf("%d violations of invariants", len(p.Violations))
	case p.InvalidReplies > 0:
		return fmt.Errorf("%d replies violate the contract", p.InvalidReplies)
	}
	return nil
}

func (p *Report) summarize(service *service, h history.History, s history.Stores) {
	p.Took = time.Since(p.Began)
	p.Created = len(s.Orders)
	p.Lateness = s.Lateness()
	for _, o := range s.Orders {
		switch o.Status {
		case order.Delivered:
			p.Delivered++
			if o.DeliverAt != nil && o.UpdatedAt.Sub(*o.DeliverAt) == p.Lateness {
				p.Latest = o.DeliverAt.Sub(p.Began)
			}
		case order.Cancelled:
			p.Cancelled++
		default: // a violation
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
	p.Requests, p.Retries = service.requests.Load(), service.retries.Load()
	p.ServerErrors, p.NoReply = service.serverErrors.Load(), service.noReply.Load()
	p.InvalidReplies, p.ContractErrors = service.invalid, service.contractErrors
}

// Write writes the report as Markdown.
func (p Report) Write(out io.Writer) error {
	setup := "SQLite, one replica"
	if p.Setup == Postgres {
		setup = "PostgreSQL, two replicas"
	}
	result := "No invariant was violated."
	if err := p.Err(); err != nil {
		result = fmt.Sprintf("**%s**, see below.", err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, `# %s: %d orders, %d faults, seed %d

    make chaos SETUP=%s ORDERS=%d FAULTS=%d SEED=%d

%s on %s, %d cores, %s.

%s

| | |
| --- | --- |
| orders created | %d |
| delivered | %d |
| cancelled | %d |
| faults | %d |
| requests | %d |
| retries by clients | %d |
| replies 5xx | %d |
| no reply | %d |
| replies that violate the contract | %d |
| creates answered as replays | %d |
| cancels acknowledged, refused as too late | %d, %d |
| events read from the feed by %d readers | %d |
| conflicts between two hosts | %d |
| latest delivery after its due time | %s (due at %.0f s) |
| violations of invariants | %d |

The plan:

`, setup, p.Orders, p.Faults, p.Seed, p.Setup, p.Orders, p.Faults, p.Seed,
		p.Began.UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), p.Took.Round(time.Second), result,
		p.Created, p.Delivered, p.Cancelled, len(p.Plan), p.Requests, p.Retries, p.ServerErrors, p.NoReply, p.InvalidReplies, p.Replays,
		p.CancelsAcked, p.CancelsTooLate, numReaders, p.Events, len(p.Conflicts), p.Lateness.Round(time.Millisecond),
		p.Latest.Seconds(), len(p.Violations))
	for i, f := range p.Plan {
		at := ""
		if i < len(p.Injected) {
			at = fmt.Sprintf(", at %.0f s", p.Injected[i].Seconds())
		}
		fmt.Fprintf(&text, "%d. %s%s\n", i+1, f, at)
	}
	if len(p.Conflicts) > 0 {
		fmt.Fprintf(&text, "\nConflicts:\n\n```\n%s\n```\n", strings.Join(p.Conflicts, "\n"))
	}
	for _, v := range p.Violations {
		fmt.Fprintf(&text, "\n```\n%s```\n", v)
	}
	for _, e := range p.ContractErrors {
		fmt.Fprintf(&text, "\n```\n%s\n```\n", e)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
