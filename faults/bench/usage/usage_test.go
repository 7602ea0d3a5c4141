package usage

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatIncludesWaitedForChildren(t *testing.T) {
	s, err := parseStat([]byte("12 (a (b) c) S 7 12 12 0 -1 4194560 1 2 3 4 100 20 300 4 20 0 1 0 99 0 0"))
	require.NoError(t, err)
	assert.Equal(t, procStat{parent: 7, ms: 4240}, s)
	_, err = parseStat([]byte("12 (a) S 7"))
	require.Error(t, err)
}

func TestUsageCoversChildren(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3, 4, 5}, descendants(1, map[int][]int{1: {2, 3}, 2: {4}, 4: {5}, 9: {10}}))
	used, err := CPU(map[string]int{"test": os.Getpid()})
	require.NoError(t, err)
	assert.Contains(t, used, "test")
	held, err := Memory(map[string]int{"test": os.Getpid()})
	require.NoError(t, err)
	assert.Positive(t, held["test"])
	_, err = CPU(map[string]int{"missing": 1 << 30})
	require.EqualError(t, err, "missing is not running")
}
