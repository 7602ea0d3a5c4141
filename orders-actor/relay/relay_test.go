package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/webhooks"
)

var errDown = errors.New("connection refused")

// receiver is a target that stores what it receives.
type receiver struct {
	mu       sync.Mutex
	err      func(o order.Order) error // of an attempt; nil accepts
	gone     bool
	only     order.Status
	got      []string // ORDER_VERSION of accepted events
	attempts int
	recorded int
}

func (r *receiver) Open(context.Context, string) (Sender, error) { return r, nil }

func (r *receiver) Wants(o order.Order) bool { return r.only == "" || o.Status == r.only }

func (r *receiver) Send(_ context.Context, o order.Order, _ int) Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	if r.err != nil {
		if err := r.err(o); err != nil {
			outcome := Outcome{Err: err.Error()}
			if r.gone {
				outcome.Disable = "gone"
			}
			return outcome
		}
	}
	r.got = append(r.got, fmt.Sprintf("%s_%d", o.ID, o.Version))
	return Outcome{}
}

func (r *receiver) Record(_ context.Context, _ *sql.Tx, outcomes []Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorded += len(outcomes)
	return nil
}

func (r *receiver) fail(err func(order.Order) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *receiver) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// noFeed has no events in memory.
type noFeed struct{}

func (noFeed) Since(orderdb.EventQuery) (orderdb.Events, <-chan struct{}, bool) {
	return orderdb.Events{}, nil, false
}
func (noFeed) Follow() func() { return func() {} }

// fixture is a relay with a destination "w" on a real order database, whose rounds the test runs.
type fixture struct {
	*testing.T
	db  *orderdb.DB
	now time.Time
	to  *receiver
	w   *worker
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, db: openDB(t), now: orderdbtest.Start, to: &receiver{}}
	addDestination(t, f.db)
	r := New(config(f.db, f.to, "a", func() time.Time { return f.now }))
	lease, taken, err := f.db.Destinations.Take(t.Context(), destinations.Lease{}, "a")
	require.NoError(t, err)
	require.True(t, taken)
	f.w = &worker{Relay: r, id: "w", target: f.to, lease: lease, validUntil: func() time.Time { return time.Now().Add(time.Hour) }}
	return f
}

func openDB(t *testing.T) *orderdb.DB {
	t.Helper()
	db, err := orderdb.Open(t.Context(), filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func addDestination(t *testing.T, db *orderdb.DB) {
	t.Helper()
	require.NoError(t, db.Webhooks.Add(t.Context(), webhooks.Webhook{ID: "w", CreatedAt: orderdbtest.Start}))
}

func config(db *orderdb.DB, to Target, holder string, clock func() time.Time) Config {
	return Config{
		Store: db.Destinations, Events: db, Feed: noFeed{}, Targets: map[string]Target{webhooks.Kind: to}, Holder: holder,
		Log: slog.New(slog.DiscardHandler), Clock: clock, Registry: prometheus.NewRegistry(),
	}
}

// round runs rounds until there is nothing to do.
func (f *fixture) round() {
	f.Helper()
	for range 100 {
		next, err := f.w.round(f.Context())
		if errors.Is(err, destinations.ErrDisabled) {
			return
		}
		require.NoError(f, err)
		if next.pause > 0 {
			return
		}
	}
	f.Fatal("the rounds do not end")
}

func (f *fixture) create() order.State {
	f.Helper()
	s := orderdbtest.NewOrder(f, "alice", f.now)
	require.NoError(f, f.db.Put(f.Context(), s))
	return s
}

func (f *fixture) confirm(s order.State) order.State {
	f.Helper()
	s = orderdbtest.Settled(f, s, true, f.now)
	require.NoError(f, f.db.Put(f.Context(), s))
	return s
}

func (f *fixture) webhook() webhooks.Webhook {
	f.Helper()
	w, err := f.db.Webhooks.Get(f.Context(), "w")
	require.NoError(f, err)
	return w
}

func TestEventsAreSentOnce(t *testing.T) {
	f := newFixture(t)
	a, b := f.create(), f.create()
	f.confirm(a)
	f.round()
	got := f.to.take()
	require.ElementsMatch(t, []string{a.ID + "_1", a.ID + "_2", b.ID + "_1"}, got)
	require.Less(t, slices.Index(got, a.ID+"_1"), slices.Index(got, a.ID+"_2"))
	require.Equal(t, 3, f.to.recorded)
	f.round()
	require.Empty(t, f.to.take())
}

func TestUnwantedEventsAreSkipped(t *testing.T) {
	f := newFixture(t)
	f.to.only = order.Confirmed
	a := f.create()
	f.confirm(a)
	f.round()
	require.Equal(t, []string{a.ID + "_2"}, f.to.take())
}

func TestFailedEventHoldsBackLaterOnesOfItsOrderOnly(t *testing.T) {
	f := newFixture(t)
	a := f.create()
	f.to.fail(func(o order.Order) error {
		if o.ID == a.ID {
			return errDown
		}
		return nil
	})
	f.round()
	a = f.confirm(a)
	b := f.create()
	f.round()
	require.Equal(t, []string{b.ID + "_1"}, f.to.take())
	require.Equal(t, 2, f.webhook().Waiting)
	require.Equal(t, "connection refused", f.webhook().LastError)

	f.to.fail(nil)
	f.round()
	require.Empty(t, f.to.take(), "the next attempt is later")
	f.now = f.now.Add(7 * time.Second)
	f.round()
	require.Equal(t, []string{a.ID + "_1", a.ID + "_2"}, f.to.take())
	require.Zero(t, f.webhook().Waiting)
	require.Zero(t, f.webhook().Failures)
}

func TestRecoveryAfterAnOutageDoesNotWaitForTheBackoff(t *testing.T) {
	f := newFixture(t)
	f.to.fail(func(order.Order) error { return errDown })
	var all []string
	for range outage + 3 {
		all = append(all, f.create().ID+"_1")
	}
	f.round()
	for range 5 { // attempts with longer and longer pauses
		f.now = f.now.Add(15 * time.Minute)
		f.round()
	}
	f.to.fail(nil)
	all = append(all, f.create().ID+"_1")
	f.round()
	require.ElementsMatch(t, all, f.to.take())
}

func TestReadingStopsWhenTooManyEventsWait(t *testing.T) {
	f := newFixture(t)
	f.to.fail(func(order.Order) error { return errDown })
	for range maxWaiting + 2*batch {
		f.create()
	}
	f.round()
	require.Less(t, f.webhook().Waiting, maxWaiting+batch)
	f.to.fail(nil)
	f.now = f.now.Add(7 * time.Second)
	for range 20 {
		f.round()
		f.now = f.now.Add(7 * time.Second)
	}
	require.Len(t, f.to.take(), maxWaiting+2*batch)
}

func TestDestinationIsDisabledAfterThreeDays(t *testing.T) {
	f := newFixture(t)
	f.to.fail(func(order.Order) error { return errDown })
	a := f.create()
	started := f.now
	for f.webhook().Enabled {
		f.round()
		f.now = f.now.Add(10 * time.Minute)
		require.Less(t, f.now.Sub(started), GiveUpAfter+6*time.Hour)
	}
	require.GreaterOrEqual(t, f.now.Sub(started), GiveUpAfter)
	require.Greater(t, f.to.attempts, 15)
	require.Contains(t, f.webhook().Reason, "version 1 of order "+a.ID+" could not be sent for 72h0m0s: connection refused")

	f.to.fail(nil)
	_, err := f.db.Webhooks.Change(t.Context(), "w", f.now, func(w *webhooks.Webhook) error { w.Enabled = true; return nil })
	require.NoError(t, err)
	f.round()
	require.Equal(t, []string{a.ID + "_1"}, f.to.take())
}

func TestDestinationThatIsGoneIsDisabledAtOnce(t *testing.T) {
	f := newFixture(t)
	f.to.gone = true
	f.to.fail(func(order.Order) error { return errDown })
	f.create()
	f.round()
	require.False(t, f.webhook().Enabled)
	require.Equal(t, "gone", f.webhook().Reason)
}

func TestDestinationBehindThePrunedLogIsDisabled(t *testing.T) {
	f := newFixture(t)
	f.create()
	require.NoError(t, f.db.Prune(t.Context(), time.Now().Add(30*24*time.Hour)))
	f.round()
	require.False(t, f.webhook().Enabled)
	require.Contains(t, f.webhook().Reason, "no longer has the next event")
}

func TestHolderWithoutValidLeaseSendsNothing(t *testing.T) {
	f := newFixture(t)
	a := f.create()
	valid := f.w.validUntil
	f.w.validUntil = time.Now
	_, err := f.w.round(t.Context())
	require.NoError(t, err)
	require.Zero(t, f.to.attempts)
	f.w.validUntil = valid
	f.round()
	require.Equal(t, []string{a.ID + "_1"}, f.to.take())
}

// frozen is the store of a replica that cannot reach the database any more.
type frozen struct {
	Store
	mu  sync.Mutex
	now bool
}

func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = true
}

func (f *frozen) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now {
		return orderdb.ErrUnavailable
	}
	return nil
}

func (f *frozen) Renew(ctx context.Context, l destinations.Lease) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Renew(ctx, l)
}

func (f *frozen) Save(ctx context.Context, l destinations.Lease, now time.Time, p destinations.Progress) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Save(ctx, l, now, p)
}

func (f *frozen) Release(ctx context.Context, l destinations.Lease) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Release(ctx, l)
}

func TestAnotherReplicaContinuesAfterTheHolderIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t)
		to := &receiver{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := &frozen{Store: db.Destinations}
		first := config(db, to, "a", time.Now)
		first.Store = store
		a, b := New(first), New(config(db, to, "b", time.Now))
		var running sync.WaitGroup
		running.Go(func() { require.NoError(t, a.Run(ctx)) })
		synctest.Wait()
		running.Go(func() { require.NoError(t, b.Run(ctx)) })
		synctest.Wait()
		put := func() string {
			s := orderdbtest.NewOrder(t, "alice", time.Now())
			require.NoError(t, db.Put(t.Context(), s))
			return s.ID + "_1"
		}
		put() // nobody receives it
		<-time.After(time.Hour)
		lease, err := db.Destinations.Lease(t.Context())
		require.NoError(t, err)
		require.Zero(t, lease, "without destinations nothing happens")

		addDestination(t, db)
		a.Wake()
		<-time.After(refresh)
		b.Wake()
		<-time.After(refresh)
		want := put()
		<-time.After(2 * refresh)
		require.Equal(t, []string{want}, to.take())
		lease, err = db.Destinations.Lease(t.Context())
		require.NoError(t, err)

		require.Equal(t, "a", lease.Holder)
		store.freeze()
		want = put()
		<-time.After(leaseTimeout + 2*renewEvery)
		got := to.take()
		require.Contains(t, got, want)
		require.Subset(t, []string{want}, got, "sent again, because the first replica could not store it")
		now, err := db.Destinations.Lease(t.Context())
		require.NoError(t, err)
		require.Equal(t, "b", now.Holder)
		require.Greater(t, now.Fence, lease.Fence)
		to.take()
		want = put()
		<-time.After(2 * refresh)
		require.Equal(t, []string{want}, to.take(), "only the new holder sends")
		cancel()
		running.Wait()
	})
}
