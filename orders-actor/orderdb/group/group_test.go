package group

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
)

// recorded records the groups. Each takes a second.
type recorded struct {
	groups [][]string
	result func(work string) error // nil: no error
}

func (r *recorded) run(ctx context.Context, work []string) ([]error, error) {
	results := make([]error, len(work))
	for i, w := range work {
		if r.result != nil {
			results[i] = r.result(w)
		}
	}
	r.groups = append(r.groups, work)
	select {
	case <-time.After(time.Second):
		return results, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func newQueue(run func(context.Context, []string) ([]error, error)) *Queue[string] {
	return &Queue[string]{Run: run, Key: func(work string) string { return work }, Timeout: 5 * time.Second}
}

func TestCallersThatWaitShareAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("conflict")
		r := &recorded{result: func(id string) error {
			if id == "c" {
				return failure
			}
			return nil
		}}
		q := newQueue(r.run)
		var all sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "b", "d"} {
			all.Go(func() {
				if err := q.Do(t.Context(), id); id == "c" {
					assert.ErrorIs(t, err, failure)
				} else {
					assert.NoError(t, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		assert.Equal(t, [][]string{{"a"}, {"b", "c", "d"}, {"b"}}, r.groups, "each key once")
		require.NoError(t, q.Do(t.Context(), "e"))
	})
}

func TestGroupIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		q := newQueue(r.run)
		var all sync.WaitGroup
		for i := range maxSize + 3 {
			all.Go(func() { assert.NoError(t, q.Do(t.Context(), strconv.Itoa(i))) })
			synctest.Wait()
		}
		all.Wait()
		require.Len(t, r.groups, 3)
		assert.Len(t, r.groups[1], maxSize)
		assert.Len(t, r.groups[2], 2)
	})
}

// A caller that gives up leaves no version behind, and passes on the lead if it was told to lead in the same moment.
func TestCallerThatGivesUpDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		q := newQueue(r.run)
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, q.Do(t.Context(), "first")) })
		synctest.Wait()
		for _, timeout := range []time.Duration{time.Second / 2, time.Second} { // the second one ends with the first group
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			all.Go(func() {
				if err := q.Do(ctx, "gives up"); err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
			})
			synctest.Wait()
		}
		all.Go(func() { assert.NoError(t, q.Do(t.Context(), "last")) })
		all.Wait()
		require.NoError(t, q.Do(t.Context(), "later"))
		assert.False(t, q.led)
		assert.Empty(t, q.waiting)
	})
}

func TestLeaderWhoseRequestEndsFinishesItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{}
		q := newQueue(r.run)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, q.Do(ctx, "a")) })
		synctest.Wait()
		cancel()
		all.Go(func() { assert.NoError(t, q.Do(t.Context(), "b")) })
		all.Wait()
		require.ErrorIs(t, q.Do(ctx, "c"), context.Canceled)
		assert.Equal(t, [][]string{{"a"}, {"b"}}, r.groups)
	})
}

func TestPanicFailsOneGroupOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		q := newQueue(func(_ context.Context, work []string) ([]error, error) {
			<-time.After(time.Second)
			if panics {
				panics = false
				panic("test")
			}
			return make([]error, len(work)), nil
		})
		var all sync.WaitGroup
		all.Go(func() { assert.Panics(t, func() { _ = q.Do(t.Context(), "a") }) })
		synctest.Wait()
		all.Go(func() { assert.NoError(t, q.Do(t.Context(), "b")) })
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
			q := newQueue(r.run)
			var mu sync.Mutex
			acknowledged := map[string]bool{}
			var all sync.WaitGroup
			for i := range callers {
				work, start, timeout := strconv.Itoa(i), at(), at()
				all.Go(func() {
					<-time.After(start)
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					begun := time.Now()
					if q.Do(ctx, work) == nil {
						mu.Lock()
						defer mu.Unlock()
						acknowledged[work] = true
						assert.LessOrEqual(t, time.Since(begun), (callers/maxSize+2)*time.Second)
						return
					}
					assert.LessOrEqual(t, time.Since(begun), timeout)
				})
			}
			all.Wait()
			assert.False(t, q.led)
			assert.Empty(t, q.waiting)
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
