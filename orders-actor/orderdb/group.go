package orderdb

import (
	"context"
	"errors"
	"slices"
	"sync"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/words"
)

const (
	maxGroup      = 64  // versions per transaction
	maxGroupWords = 500 // search words of a version in a group: one with more would delay the others
)

var (
	// errAlone means that a version was not stored with its group, and must be put in a transaction of its own.
	errAlone = errors.New("put alone")
	// errLead tells a waiting caller to store the next group.
	errLead = errors.New("lead the next group")
)

// version is a version of an order, encoded for the tables.
type version struct {
	order.State
	state, document string
	own, ofCustomer []string // search words; empty unless it is the first version
	result          chan error
}

func newVersion(s order.State) (*version, error) {
	v := &version{State: s, result: make(chan error, 1)}
	var err error
	if v.state, err = encode(s); err != nil {
		return nil, err
	}
	public := s.Order
	public.History = nil
	if v.document, err = encode(public); err != nil {
		return nil, err
	}
	if s.Version == 1 {
		v.own, v.ofCustomer = words.OfOrder(s.Order)
	}
	return v, nil
}

// group lets concurrent callers of Put share transactions. While one transaction commits, further versions wait, and the next
// transaction stores all of them. A version that comes alone is stored at once.
//
// It has no goroutine: a caller that finds no other at work leads. It stores the group, then wakes the first waiting caller,
// who leads next.
type group struct {
	// store stores versions of different orders in one transaction. It returns errAlone in place i if it has left out version i,
	// or an error if it is unknown whether any is stored.
	store func(ctx context.Context, versions []*version) ([]error, error)

	mu      sync.Mutex
	led     bool // a caller leads, or was told to
	waiting []*version
}

// put stores a version with others, or returns errAlone.
func (g *group) put(ctx context.Context, v *version) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !g.enter(v) {
		select {
		case err := <-v.result:
			if err != errLead { //nolint:errorlint // never wrapped
				return err
			}
		case <-ctx.Done():
			g.leave(v)
			return ctx.Err()
		}
	}
	g.lead(ctx)
	return <-v.result
}

// enter makes v wait, and reports whether its caller leads.
func (g *group) enter(v *version) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, v)
	lead := !g.led
	g.led = true
	return lead
}

// leave ends the wait of v, whose caller may just have been told to lead.
func (g *group) leave(v *version) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, v)
	if i < 0 {
		return // its group is being stored
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	if len(v.result) > 0 {
		g.handOver()
	}
}

// handOver tells the first waiting caller to lead. The caller of handOver holds g.mu.
func (g *group) handOver() {
	g.led = len(g.waiting) > 0
	if g.led {
		g.waiting[0].result <- errLead
	}
}

// lead stores the next group, which contains the version of its leader.
func (g *group) lead(ctx context.Context) {
	versions := g.next()
	results := slices.Repeat([]error{ErrUnavailable}, len(versions)) // after a panic
	defer func() {
		for i, v := range versions {
			v.result <- results[i]
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.handOver()
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout) // the other callers have not gone away
	defer cancel()
	stored, err := g.store(ctx, versions)
	for i := range results {
		results[i] = err
		if err == nil {
			results[i] = stored[i]
		}
	}
}

// next returns the first waiting versions, at most one of each order.
func (g *group) next() []*version {
	g.mu.Lock()
	defer g.mu.Unlock()
	var versions, rest []*version
	orders := make(map[string]bool, len(g.waiting))
	for _, v := range g.waiting {
		if len(versions) == maxGroup || orders[v.ID] {
			rest = append(rest, v)
			continue
		}
		orders[v.ID] = true
		versions = append(versions, v)
	}
	g.waiting = rest
	return versions
}
