// Package relay sends the events of the event log to destinations, such as webhooks: each event at least once, and the events of an
// order one after another in the order of its versions.
//
// One replica at a time runs the relay. It holds a lease in the order database, and each write of its progress checks the lease, so
// that a replica which was frozen cannot move a destination back. See ADR 0901.
//
// Each destination has a cursor in the event log. An event that cannot be sent is stored as waiting, and so are later events of its
// order; the events of other orders go on. When too many events wait, the cursor stops.
package relay

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/kit/retry"
	"orders/kit/run"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/destinations"
)

const (
	// GiveUpAfter is how long an event is sent again and again. Then its destination is disabled, because no later event of the order
	// may be sent before it.
	GiveUpAfter = 72 * time.Hour

	renewEvery   = 5 * time.Second
	leaseTimeout = 25 * time.Second // without a renewal, another replica takes the lease
	leaseValid   = 18 * time.Second // after its last renewal, until which the holder may send
	lookEvery    = 30 * time.Second // without destinations, for one that another replica has added
	pause        = time.Second      // after an error of the database
	stopTimeout  = 2 * time.Second  // to store progress when the relay stops
)

// Outcome is what an attempt came to.
type Outcome struct {
	Err     string // empty if the event was delivered
	Disable string // the destination wants no more events, for this reason
	Detail  any    // what Record needs
}

// Target are the destinations of one kind.
type Target interface {
	// Open returns the sender of a destination with its current settings.
	Open(ctx context.Context, id string) (Sender, error)
}

// Sender sends events to one destination. Its methods may be called concurrently.
type Sender interface {
	// Wants reports whether the destination receives an event.
	Wants(o order.Order) bool
	// Send sends an event. attempt is 1 for the first.
	Send(ctx context.Context, o order.Order, attempt int) Outcome
	// Record stores the attempts of Send, in the transaction that stores the progress.
	Record(ctx context.Context, tx *sql.Tx, outcomes []Outcome) error
}

// Store stores the lease, the destinations and their progress, see destinations.Store.
type Store interface {
	Lease(ctx context.Context) (destinations.Lease, error)
	Take(ctx context.Context, seen destinations.Lease, holder string) (destinations.Lease, bool, error)
	Renew(ctx context.Context, l destinations.Lease) error
	Release(ctx context.Context, l destinations.Lease) error
	Enabled(ctx context.Context) ([]destinations.Destination, error)
	Read(ctx context.Context, id string) (destinations.Destination, []destinations.Waiting, error)
	Documents(ctx context.Context, id string, orders []string, limit int) ([]destinations.Waiting, error)
	Save(ctx context.Context, l destinations.Lease, now time.Time, p destinations.Progress) error
}

// Log is the event log, see orderdb.DB.
type Log interface {
	Events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, error)
}

// Feed has the newest events in memory, see feed.Feed.
type Feed interface {
	Since(q orderdb.EventQuery) (events orderdb.Events, more <-chan struct{}, ok bool)
	Follow() (stop func())
}

// Config configures a Relay.
type Config struct {
	Store    Store
	Events   Log
	Feed     Feed
	Targets  map[string]Target // by kind
	Holder   string            // names this replica
	Log      *slog.Logger
	Clock    func() time.Time
	Registry prometheus.Registerer
}

// Relay is the loop.
type Relay struct {
	Config
	metrics *metrics
	changed chan struct{}
}

// New returns a Relay. Run starts it.
func New(c Config) *Relay {
	return &Relay{Config: c, metrics: newMetrics(c.Registry, c.Clock), changed: make(chan struct{}, 1)}
}

// Wake makes the relay look for new destinations at once. Without destinations it otherwise looks every 30 s only.
func (r *Relay) Wake() {
	select {
	case r.changed <- struct{}{}:
	default: // it has not seen the previous one yet
	}
}

// Run sends events until ctx ends, while there are destinations and this replica holds the lease. It returns nil.
func (r *Relay) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var idle bool
		err := run.Catch(ctx, r.Log, "relay", func() (err error) {
			idle, err = r.campaign(ctx)
			return err
		})
		switch {
		case err != nil && ctx.Err() == nil:
			r.Log.WarnContext(ctx, "the relay stopped; retrying", "error", err)
			retry.Sleep(ctx, pause)
		case idle:
			r.sleep(ctx, lookEvery)
		}
	}
	return nil
}

// campaign waits for the lease and runs the relay with it. It reports true when there are no destinations.
func (r *Relay) campaign(ctx context.Context) (idle bool, _ error) {
	var seen destinations.Lease
	var since time.Time
	for ctx.Err() == nil {
		enabled, err := r.Store.Enabled(ctx)
		if err != nil {
			return false, err
		}
		if len(enabled) == 0 {
			return true, nil
		}
		current, err := r.Store.Lease(ctx)
		if err != nil {
			return false, err
		}
		if current != seen {
			seen, since = current, time.Now()
		}
		if current.Holder == "" || time.Since(since) >= leaseTimeout {
			taken := time.Now()
			lease, ok, err := r.Store.Take(ctx, current, r.Holder)
			if err != nil {
				return false, err
			}
			if ok {
				r.Log.InfoContext(ctx, "this replica relays events now", "fence", lease.Fence)
				return r.lead(ctx, lease, taken)
			}
		}
		r.sleep(ctx, renewEvery)
	}
	return false, nil
}

func (r *Relay) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.changed:
	case <-ctx.Done():
	}
}

// lead runs a worker for each enabled destination until the lease is lost, ctx ends, or there are no destinations.
func (r *Relay) lead(ctx context.Context, lease destinations.Lease, renewed time.Time) (idle bool, _ error) {
	r.metrics.leader.Set(1)
	defer r.metrics.leader.Set(0)
	defer r.Feed.Follow()()
	all := workers{relay: r, lease: lease, running: map[string]*running{}}
	defer func() {
		all.stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_ = r.Store.Release(ctx, lease) // otherwise another replica takes it later
	}()
	all.renewed(renewed)
	for ctx.Err() == nil {
		enabled, err := r.Store.Enabled(ctx)
		if err == nil {
			if all.update(ctx, enabled); len(enabled) == 0 {
				return true, nil
			}
		}
		r.sleep(ctx, renewEvery)
		at := time.Now()
		switch err := r.Store.Renew(ctx, lease); {
		case err == nil:
			all.renewed(at)
		case errors.Is(err, destinations.ErrLeaseLost):
			return false, err
		}
	}
	return false, nil
}

// workers are the running workers of one lease.
type workers struct {
	relay   *Relay
	lease   destinations.Lease
	running map[string]*running
	group   sync.WaitGroup

	mu    sync.Mutex
	valid time.Time
}

type running struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func (w *workers) renewed(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.valid = at.Add(leaseValid)
}

// validUntil returns until when events may be sent.
func (w *workers) validUntil() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.valid
}

// update starts and stops workers.
func (w *workers) update(ctx context.Context, enabled []destinations.Destination) {
	wanted := map[string]bool{}
	for _, d := range enabled {
		wanted[d.ID] = true
		if before := w.running[d.ID]; before != nil {
			select {
			case <-before.ended:
			default:
				continue
			}
		}
		target := w.relay.Targets[d.Kind]
		if target == nil {
			continue // of a newer release
		}
		own, cancel := context.WithCancel(ctx)
		started := &running{cancel: cancel, ended: make(chan struct{})}
		w.running[d.ID] = started
		worker := &worker{Relay: w.relay, id: d.ID, target: target, lease: w.lease, validUntil: w.validUntil}
		w.group.Go(func() {
			_ = run.Catch(ctx, w.relay.Log, "relay", func() error {
				defer close(started.ended)
				defer cancel()
				worker.run(own)
				return nil
			})
		})
	}
	for id, r := range w.running {
		if !wanted[id] {
			r.cancel()
			delete(w.running, id)
		}
	}
}

func (w *workers) stop() {
	for _, r := range w.running {
		r.cancel()
	}
	w.group.Wait()
}
