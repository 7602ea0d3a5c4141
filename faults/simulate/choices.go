package simulate

import "math/rand/v2"

// Choices decides everything that is left to chance. The first of the alternatives is always the harmless one.
type Choices interface {
	// Below returns a number from 0 to n-1.
	Below(n int) int
}

// Seeded makes the choices that belong to a seed.
func Seeded(seed uint64) Choices {
	return seeded{rand.New(rand.NewPCG(seed, 0x6f72646572))}
}

type seeded struct{ r *rand.Rand }

func (s seeded) Below(n int) int { return s.r.IntN(n) }

// Bytes makes the choices that a fuzzer wrote down; when they end, nothing goes wrong any more.
func Bytes(data []byte) Choices { return &fromBytes{data} }

type fromBytes struct{ data []byte }

func (b *fromBytes) Below(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	first := int(b.data[0])
	b.data = b.data[1:]
	if n > 256 && len(b.data) > 0 {
		first = first<<8 | int(b.data[0])
		b.data = b.data[1:]
	}
	return first % n
}
