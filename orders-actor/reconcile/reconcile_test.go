package reconcile_test

import (
	"context"
	"errors"
	"io"
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

// world is a view with stuck orders, and the orders.
type world struct {
	mu      sync.Mutex
	stuck   []string
	looks   int
	down    error // what looking fails with
	looking func()
	poke    func(ctx context.Context, id string) error
	pokes   map[string][]time.Time
}

func (w *world) Stuck(_ context.Context, _ time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if w.looking != nil {
		w.looking()
	}
	if unpaidFor != 5*time.Second || overdueBy != 2*time.Second {
		return nil, errors.New("asked for too much or too little")
	}
	return append([]string(nil), w.stuck[:min(limit, len(w.stuck))]...), w.down
}

func (w *world) Poke(ctx context.Context, id string) error {
	w.mu.Lock()
	w.pokes[id] = append(w.pokes[id], time.Now())
	w.mu.Unlock()
	if w.poke == nil {
		return nil
	}
	return w.poke(ctx, id)
}

func (w *world) set(stuck ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = stuck
}

func (w *world) poked(id string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pokes[id])
}

// pass lets the bubble's clock run, and all that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run reconciles for a time of the bubble's clock, which passes as fast as it can.
func run(t *testing.T, w *world, during func()) {
	synctest.Test(t, func(t *testing.T) {
		w.pokes = map[string][]time.Time{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		r := reconcile.New(reconcile.Config{View: w, Orders: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		go func() {
			defer close(ended)
			assert.NoError(t, r.Run(ctx))
		}()
		during()
		cancel()
		<-ended
	})
}

func TestWhatIsStuckIsPokedSoon(t *testing.T) {
	w := &world{stuck: []string{"a", "b"}}
	run(t, w, func() {
		pass(4 * time.Second)
		assert.NotEmpty(t, w.poked("a"))
		assert.NotEmpty(t, w.poked("b"))
		assert.Empty(t, w.poked("c"))
	})
}

func TestWhatStaysStuckIsPokedEverLessOften(t *testing.T) {
	w := &world{stuck: []string{"a"}, poke: func(context.Context, string) error { return errors.New("no") }}
	run(t, w, func() {
		pass(10 * time.Minute)
		at := w.poked("a")
		assert.Less(t, at[1].Sub(at[0]), 6*time.Second)
		for i := 6; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), 30*time.Second)
			assert.Less(t, at[i].Sub(at[i-1]), 35*time.Second, "but for ever")
		}
		assert.Greater(t, len(at), 15)

		w.set() // it moved on, and is stuck again later: then at once
		pass(5 * time.Minute)
		w.set("a")
		before := len(w.poked("a"))
		pass(8 * time.Second)
		assert.Greater(t, len(w.poked("a")), before+1)
	})
}

func TestItOutlivesAViewThatIsAway(t *testing.T) {
	w := &world{stuck: []string{"a"}, down: errors.New("no database")}
	run(t, w, func() {
		pass(time.Minute)
		assert.Empty(t, w.pokes)
		assert.Greater(t, w.looks, 15)
		w.mu.Lock()
		w.down = nil
		w.mu.Unlock()
		pass(4 * time.Second)
		assert.NotEmpty(t, w.poked("a"))
	})
}

func TestItOutlivesPanics(t *testing.T) {
	w := &world{stuck: []string{"poisoned", "a"}, poke: func(_ context.Context, id string) error {
		if id == "poisoned" {
			panic("ouch")
		}
		return nil
	}}
	run(t, w, func() {
		pass(10 * time.Minute)
		at := w.poked("poisoned")
		assert.Greater(t, len(at), 15)
		assert.Greater(t, len(w.poked("a")), 15)
		for i := 6; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), 30*time.Second, "it is poked ever less often")
		}
	})
	w = &world{stuck: []string{"a"}, looking: func() { panic("ouch") }}
	run(t, w, func() {
		pass(time.Minute)
		assert.Greater(t, w.looks, 15)
		w.mu.Lock()
		w.looking = nil
		w.mu.Unlock()
		pass(4 * time.Second)
		assert.NotEmpty(t, w.poked("a"))
	})
}

func TestOrdersThatStayStuckDoNotHideTheOthers(t *testing.T) {
	w := &world{}
	for i := range 1000 {
		w.stuck = append(w.stuck, strconv.Itoa(i))
	}
	run(t, w, func() {
		pass(20 * time.Second)
		assert.Len(t, w.pokes, 1000)
	})
}

func TestPokesAreFewAtOnceAndEnd(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	w := &world{poke: func(ctx context.Context, _ string) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		<-ctx.Done() // never answers
		mu.Lock()
		running--
		mu.Unlock()
		return ctx.Err()
	}}
	for i := range 20 {
		w.stuck = append(w.stuck, strconv.Itoa(i))
	}
	run(t, w, func() {
		pass(time.Minute)
		assert.Len(t, w.pokes, 20)
	})
	assert.Equal(t, 8, most)
	assert.Zero(t, running, "none outlives Run")
}
