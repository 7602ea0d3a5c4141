// Package counts counts orders for all readers of this replica. While orders change, every open list asks for counts again and
// again. Equal requests share one query, so that their number does not change the load of the database.
package counts

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"orders/kit/run"
	"orders/orders-actor/orderdb"
)

const (
	// Interval is the time from the start of a query until the next one with the same filter may start.
	Interval = time.Second

	maxIdle = 1_000 // filters without a request that Counter keeps until their interval is over
)

// Reads are the reads of the order database.
type Reads interface {
	Counts(ctx context.Context, f orderdb.Filter) (orderdb.Counts, error)
}

// Searches limits the concurrent searches of each user.
type Searches interface {
	// Enter returns an error if the user must not search now. Otherwise the caller must call Leave afterwards.
	Enter(user string) error
	Leave(user string)
}

// Counter counts orders. For each filter it runs one query at a time, and starts at most one per Interval. A request is
// answered by the first query that starts after it, so the counts include every change from before the request.
//
// A query is not cancelled when requests leave. Its error is returned to all requests that share it.
type Counter struct {
	reads    Reads
	searches Searches
	log      *slog.Logger

	mu      sync.Mutex
	filters map[orderdb.Filter]*query // the next query; nil without a request. Each filter has a goroutine.
}

// New returns a counter. Queries that may read many rows, see orderdb.Filter.ReadsRows, count as searches of one of the users that wait for them.
func New(reads Reads, searches Searches, log *slog.Logger) *Counter {
	return &Counter{reads: reads, searches: searches, log: log, filters: map[orderdb.Filter]*query{}}
}

// query is one query and its result. Counter.mu guards users until the query starts.
type query struct {
	users  []string      // one for each request that waits
	done   chan struct{} // closed when counts and err are set
	counts orderdb.Counts
	err    error
}

// Request waits for counts.
type Request struct {
	counter *Counter
	query   *query
	user    string
}

// Request requests the counts of a filter for a user. The caller waits for Done, and must call Leave at the end.
func (c *Counter) Request(user string, f orderdb.Filter) *Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, running := c.filters[f]
	if next == nil {
		next = &query{done: make(chan struct{})}
		c.filters[f] = next
	}
	next.users = append(next.users, user)
	if !running {
		ctx := context.Background() // the query is shared: it must not end with this request
		go func() { _ = run.Catch(ctx, c.log, "counts", func() error { c.run(ctx, f); return nil }) }()
	}
	return &Request{counter: c, query: next, user: user}
}

// Done returns a channel that is closed when Result may be called.
func (r *Request) Done() <-chan struct{} { return r.query.done }

// Result returns the counts, which are shared: do not change them. It returns the error of the query, or of Searches.
func (r *Request) Result() (orderdb.Counts, error) { return r.query.counts, r.query.err }

// Leave ends the request. A query that no request waits for does not start.
func (r *Request) Leave() {
	r.counter.mu.Lock()
	defer r.counter.mu.Unlock()
	if i := slices.Index(r.query.users, r.user); i >= 0 {
		r.query.users = slices.Delete(r.query.users, i, i+1)
	}
}

// run runs the queries of a filter, until there is no request at the end of an interval.
func (c *Counter) run(ctx context.Context, f orderdb.Filter) {
	for {
		q, users := c.start(f)
		if q == nil {
			return
		}
		next := time.Now().Add(Interval)
		q.counts, q.err = c.count(ctx, users, f)
		close(q.done)
		if c.dropIfMany(f) {
			return
		}
		<-time.After(time.Until(next))
	}
}

// start returns the next query of a filter and the users that wait for it. Without a request it drops the filter.
func (c *Counter) start(f orderdb.Filter) (q *query, users []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q = c.filters[f]
	if q == nil || len(q.users) == 0 {
		delete(c.filters, f)
		return nil, nil
	}
	c.filters[f] = nil
	return q, slices.Clone(q.users)
}

// dropIfMany drops a filter without a request before its interval is over, if there are many filters.
func (c *Counter) dropIfMany(f orderdb.Filter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.filters) <= maxIdle || c.filters[f] != nil {
		return false
	}
	delete(c.filters, f)
	return true
}

func (c *Counter) count(ctx context.Context, users []string, f orderdb.Filter) (counts orderdb.Counts, err error) {
	if f.ReadsRows() {
		user, err := c.enterSearches(users)
		if err != nil {
			return counts, err
		}
		defer c.searches.Leave(user)
	}
	err = run.Catch(ctx, c.log, "counts", func() (err error) {
		counts, err = c.reads.Counts(ctx, f)
		return err
	})
	return counts, err
}

// enterSearches returns the first user that may search now, or an error if none may.
func (c *Counter) enterSearches(users []string) (user string, err error) {
	for _, user := range slices.Compact(users) {
		if err = c.searches.Enter(user); err == nil {
			return user, nil
		}
	}
	return "", err
}
