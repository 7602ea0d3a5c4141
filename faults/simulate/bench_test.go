package simulate

import "testing"

func BenchmarkHistory(b *testing.B) {
	b.ReportAllocs()
	for seed := uint64(0); b.Loop(); seed++ {
		if res := Run(Seeded(seed), Mutation{}, nil); len(res.Violations) > 0 {
			b.Fatal(res.Violations[0])
		}
	}
}
