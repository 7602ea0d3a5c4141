package simulate

import (
	"testing"

	"orders/kit/simulate"
)

func BenchmarkHistory(b *testing.B) {
	b.ReportAllocs()
	for seed := uint64(0); b.Loop(); seed++ {
		if res := Run(simulate.Seeded(seed), Mutation{}, nil); len(res.Violations) > 0 {
			b.Fatal(res.Violations[0])
		}
	}
}
