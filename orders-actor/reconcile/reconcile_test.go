package reconcile_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"orders/orders-actor/reconcile"
)

// world is an order database with stuck orders, and the orders.
type world struct {
	mu        sync.Mutex
	stuck     []string
	searches  int
	searchErr error
	onSearch  func()
	resume    func(ctx context.Context, id string) error
	resumed   map[string][]time.Time
}

func (w *world) Stuck(_ context.Context, _ time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.searches++
	if w.onSearch != nil {
		w.onSearch()
	}
	if unpaidFor != 5*time.Second || overdueBy != 2*time.Second {
		return nil, errors.New("unexpected thresholds")
	}
	return append([]string(nil), w.stuck[:min(limit, len(w.stuck))]...), w.searchErr
}

func (w *world) Resume(ctx context.Context, id string) error {
	w.mu.Lock()
	w.resumed[id] = append(w.resumed[id], time.Now())
	w.mu.Unlock()
	if w.resume == nil {
		return nil
	}
	return w.resume(ctx, id)
}

func (w *world) setStuck(stuck ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = stuck
}

func (w *world) resumedAt(id string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.resumed[id])
}

// advance advances the synctest clock by d, and waits until all goroutines are blocked.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run runs test beside a Reconciler, on the clock of synctest.
func run(t *testing.T, w *world, test func()) {
	synctest.Test(t, func(t *testing.T) {
		w.resumed = map[string][]time.Time{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		r := reconcile.New(reconcile.Config{OrderDB: w, Orders: w, Log: slog.New(slog.DiscardHandler)})
		go func() {
			defer close(ended)
			assert.NoError(t, r.Run(ctx))
		}()
		test()
		cancel()
		<-ended
	})
}

func TestStuckOrdersAreResumed(t *testing.T) {
	w := &world{stuck: []string{"a", "b"}}
	run(t, w, func() {
		advance(4 * time.Second)
		assert.NotEmpty(t, w.resumedAt("a"))
		assert.NotEmpty(t, w.resumedAt("b"))
		assert.Empty(t, w.resumedAt("c"))
	})
}

func TestPausesGrowWhileAnOrderStaysStuck(t *testing.T) {
	w := &world{stuck: []string{"a"}, resume: func(context.Context, string) error { return errors.New("no") }}
	run(t, w, func() {
		advance(10 * time.Minute)
		at := w.resumedAt("a")
		assert.Less(t, at[1].Sub(at[0]), 6*time.Second)
		for i := 6; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), 30*time.Second)
			assert.Less(t, at[i].Sub(at[i-1]), 35*time.Second, "the pause is bounded")
		}
		assert.Greater(t, len(at), 15)

		w.setStuck() // it continued; when it is stuck again, the pauses start over
		advance(5 * time.Minute)
		w.setStuck("a")
		before := len(w.resumedAt("a"))
		advance(8 * time.Second)
		assert.Greater(t, len(w.resumedAt("a")), before+1)
	})
}

func TestReconcilerContinuesAfterErrorsOfTheOrderDatabase(t *testing.T) {
	w := &world{stuck: []string{"a"}, searchErr: errors.New("no database")}
	run(t, w, func() {
		advance(time.Minute)
		assert.Empty(t, w.resumed)
		assert.Greater(t, w.searches, 15)
		w.mu.Lock()
		w.searchErr = nil
		w.mu.Unlock()
		advance(4 * time.Second)
		assert.NotEmpty(t, w.resumedAt("a"))
	})
}

func TestReconcilerContinuesAfterPanics(t *testing.T) {
	w := &world{stuck: []string{"panics", "a"}, resume: func(_ context.Context, id string) error {
		if id == "panics" {
			panic("ouch")
		}
		return nil
	}}
	run(t, w, func() {
		advance(10 * time.Minute)
		at := w.resumedAt("panics")
		assert.Greater(t, len(at), 15)
		assert.Greater(t, len(w.resumedAt("a")), 15)
		for i := 6; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), 30*time.Second, "the pauses grow")
		}
	})
	w = &world{stuck: []string{"a"}, onSearch: func() { panic("ouch") }}
	run(t, w, func() {
		advance(time.Minute)
		assert.Greater(t, w.searches, 15)
		w.mu.Lock()
		w.onSearch = nil
		w.mu.Unlock()
		advance(4 * time.Second)
		assert.NotEmpty(t, w.resumedAt("a"))
	})
}

func TestOrdersThatStayStuckDoNotHideOthers(t *testing.T) {
	w := &world{}
	for i := range 1000 {
		w.stuck = append(w.stuck, strconv.Itoa(i))
	}
	run(t, w, func() {
		advance(20 * time.Second)
		assert.Len(t, w.resumed, 1000)
	})
}

func TestConcurrentCommandsAreBoundedAndTimeOut(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	w := &world{resume: func(ctx context.Context, _ string) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		<-ctx.Done() // no reply
		mu.Lock()
		running--
		mu.Unlock()
		return ctx.Err()
	}}
	for i := range 20 {
		w.stuck = append(w.stuck, strconv.Itoa(i))
	}
	run(t, w, func() {
		advance(time.Minute)
		assert.Len(t, w.resumed, 20)
	})
	assert.Equal(t, 8, most)
	assert.Zero(t, running, "all end before Run returns")
}
