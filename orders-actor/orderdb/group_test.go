package orderdb

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

// recorded is a group.store that records the groups. Each takes a second.
type recorded struct {
	groups [][]string
	result func(id string) error // nil: no error
}

func (r *recorded) store(ctx context.Context, versions []*version) ([]error, error) {
	var ids []string
	results := make([]error, len(versions))
	for i, v := range versions {
		ids = append(ids, v.ID)
		if r.result != nil {
			results[i] = r.result(v.ID)
		}
	}
	r.groups = append(r.groups, ids)
	select {
	case <-time.After(time.Second):
		return results, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func versionOf(id string) *version {
	return &version{State: order.State{Order: order.Order{ID: id, Version: 2}}, result: make(chan error, 1)}
}

func TestVersionsThatWaitAreStoredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("conflict")
		r := &recorded{result: func(id string) error {
			if id == "c" {
				return failure
			}
			return nil
		}}
		g := &group{store: r.store}
		var all sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "b", "d"} {
			all.Go(func() {
				if err := g.put(t.Context(), versionOf(id)); id == "c" {
					assert.ErrorIs(t, err, failure)
				} else {
					assert.NoError(t, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		assert.Equal(t, [][]string{{"a"}, {"b", "c", "d"}, {"b"}}, r.groups, "one version of each order at a time")
		require.NoError(t, g.put(t.Context(), versionOf("e")))
	})
}

func TestGroupIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		g := &group{store: r.store}
		var all sync.WaitGroup
		for i := range maxGroup + 3 {
			all.Go(func() { assert.NoError(t, g.put(t.Context(), versionOf(strconv.Itoa(i)))) })
			synctest.Wait()
		}
		all.Wait()
		require.Len(t, r.groups, 3)
		assert.Len(t, r.groups[1], maxGroup)
		assert.Len(t, r.groups[2], 2)
	})
}

// A caller that gives up leaves no version behind, and passes on the lead if it was told to lead in the same moment.
func TestCallerThatGivesUpDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		g := &group{store: r.store}
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, g.put(t.Context(), versionOf("first"))) })
		synctest.Wait()
		for _, timeout := range []time.Duration{time.Second / 2, time.Second} { // the second one ends with the first group
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			all.Go(func() {
				if err := g.put(ctx, versionOf("gives up")); err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
			})
			synctest.Wait()
		}
		all.Go(func() { assert.NoError(t, g.put(t.Context(), versionOf("last"))) })
		all.Wait()
		require.NoError(t, g.put(t.Context(), versionOf("later")))
		assert.False(t, g.led)
		assert.Empty(t, g.waiting)
	})
}

func TestLeaderWhoseRequestEndsStoresItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		g := &group{store: r.store}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, g.put(ctx, versionOf("a"))) })
		synctest.Wait()
		cancel()
		all.Go(func() { assert.NoError(t, g.put(t.Context(), versionOf("b"))) })
		all.Wait()
		require.ErrorIs(t, g.put(ctx, versionOf("c")), context.Canceled)
		assert.Equal(t, [][]string{{"a"}, {"b"}}, r.groups)
	})
}

func TestPanicFailsOneGroupOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		g := &group{store: func(_ context.Context, versions []*version) ([]error, error) {
			<-time.After(time.Second)
			if panics {
				panics = false
				panic("test")
			}
			return make([]error, len(versions)), nil
		}}
		var all sync.WaitGroup
		all.Go(func() { assert.Panics(t, func() { _ = g.put(t.Context(), versionOf("a")) }) })
		synctest.Wait()
		all.Go(func() { assert.NoError(t, g.put(t.Context(), versionOf("b"))) })
		all.Wait()
	})
}

// No version is stored twice or acknowledged without being stored, a caller waits at most for the groups before its own, and in the
// end there is no leader.
func TestGroupServesCallersThatComeAndGiveUpAtAnyTime(t *testing.T) {
	const callers = 300
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			at := func() time.Duration { return time.Duration(random.IntN(20)) * time.Second / 2 } // often the end of a group
			r := &recorded{}
			g := &group{store: r.store}
			var mu sync.Mutex
			acknowledged := map[string]bool{}
			var all sync.WaitGroup
			for i := range callers {
				v, start, timeout := versionOf(strconv.Itoa(i)), at(), at()
				all.Go(func() {
					<-time.After(start)
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					begun := time.Now()
					if g.put(ctx, v) == nil {
						mu.Lock()
						defer mu.Unlock()
						acknowledged[v.ID] = true
						assert.LessOrEqual(t, time.Since(begun), (callers/maxGroup+2)*time.Second)
						return
					}
					assert.LessOrEqual(t, time.Since(begun), timeout)
				})
			}
			all.Wait()
			assert.False(t, g.led)
			assert.Empty(t, g.waiting)
			stored := map[string]int{}
			for _, ids := range r.groups {
				for _, id := range ids {
					stored[id]++
					assert.Equal(t, 1, stored[id])
				}
			}
			for id := range acknowledged {
				assert.Equal(t, 1, stored[id])
			}
		})
	}
}
