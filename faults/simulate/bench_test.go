package simulate

import "testing"

func BenchmarkHistory(b *testing.B) {
	b.ReportAllocs()
	for seed := uint64(0); b.Loop(); seed++ {
		if res := Run(Seeded(seed), Wrong{}); len(res.Breaks) > 0 {
			b.Fatal(res.Breaks[0])
		}
	}
}
