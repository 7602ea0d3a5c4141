package minutes_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/orderdb/minutes"
)

func TestPercentileIsAtMostHalfAboveTheExactOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, int64(24*time.Hour/time.Microsecond)), func(us int64) time.Duration {
			return time.Duration(us) * time.Microsecond
		}), 1, 50).Draw(t, "durations")
		p := rapid.Int64Range(1, 100).Draw(t, "p")
		var d minutes.Durations
		for _, took := range all {
			d.Observe(took)
		}
		slices.Sort(all)
		exact := all[(int64(len(all))*p+99)/100-1]
		got, ok := d.Percentile(p)
		require.True(t, ok)
		require.GreaterOrEqual(t, got, exact)
		require.LessOrEqual(t, got, max(exact+exact/2+1, time.Millisecond))
	})
}

func TestDurationsOutsideTheBoundsAreCounted(t *testing.T) {
	var d minutes.Durations
	_, ok := d.Percentile(50)
	require.False(t, ok)

	d.Observe(-time.Second) // the clocks of two replicas differ
	low, _ := d.Percentile(50)
	require.Equal(t, time.Millisecond, low)

	d = nil
	d.Observe(1000 * time.Hour)
	high, _ := d.Percentile(50)
	require.Greater(t, high, 24*time.Hour)
}
