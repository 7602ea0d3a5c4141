package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the role of a process that the benchmark started from the tests' executable.
func TestMain(m *testing.M) {
	if is, err := Role(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if !is {
		os.Exit(m.Run())
	}
}

func TestStatIncludesWaitedForChildren(t *testing.T) {
	s, err := parseStat([]byte("12 (a (b) c) S 7 12 12 0 -1 4194560 1 2 3 4 100 20 300 4 20 0 1 0 99 0 0"))
	require.NoError(t, err)
	assert.Equal(t, procStat{parent: 7, ms: 4240}, s)
	_, err = parseStat([]byte("12 (a) S 7"))
	require.Error(t, err)
}

func TestUsageCoversChildren(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3, 4, 5}, descendants(1, map[int][]int{1: {2, 3}, 2: {4}, 4: {5}, 9: {10}}))
	usage, err := cpu(map[string]int{"test": os.Getpid()})
	require.NoError(t, err)
	assert.Contains(t, usage, "test")
	used, err := memory(map[string]int{"test": os.Getpid()})
	require.NoError(t, err)
	assert.Positive(t, used["test"])
	_, err = cpu(map[string]int{"missing": 1 << 30})
	require.EqualError(t, err, "missing is not running")
}

// It runs the smallest measurement on the real stack, without looking at the times.
func TestProductAndFloorCompleteOrders(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the whole product")
	}
	lives, err := Lives(t.Context(), Options{
		Setup: SQLite, Systems: []string{"product", "floor"}, Callers: []int{4}, Orders: 20, Rounds: 1, Out: t.Output(),
	})
	require.NoError(t, err)
	require.Len(t, lives, 2)
	for _, l := range lives {
		for _, part := range []string{"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement", "sentry"} {
			assert.Contains(t, l.CPU, part)
			assert.Positive(t, l.Memory[part])
		}
		assert.Positive(t, l.CPU.Total())
		assert.Positive(t, l.LivesPerSecond)
		assert.Positive(t, l.Create.P50)
	}
}
