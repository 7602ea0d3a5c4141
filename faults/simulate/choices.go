package simulate

import "math/rand/v2"

// Choices makes all random decisions. The number 0 always means that nothing goes wrong.
type Choices interface {
	// IntN returns a number from 0 to n-1.
	IntN(n int) int
}

// Seeded returns the choices of a seed.
func Seeded(seed uint64) Choices {
	return seeded{rand.New(rand.NewPCG(seed, 0x6f72646572))}
}

type seeded struct{ r *rand.Rand }

func (s seeded) IntN(n int) int { return s.r.IntN(n) }

// Bytes returns choices that a fuzzer has made. After their end nothing goes wrong.
func Bytes(data []byte) Choices { return &fromBytes{data} }

type fromBytes struct{ data []byte }

func (b *fromBytes) IntN(n int) int {
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
