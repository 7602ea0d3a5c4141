package simulate

import "math/rand/v2"

// Choices makes all random decisions of a history. The number 0 always means that nothing goes wrong.
type Choices interface {
	// IntN returns a number from 0 to n-1.
	IntN(n int) int
}

// Seeded returns the choices of a seed.
func Seeded(seed uint64) Choices { return rand.New(rand.NewPCG(seed, 0x6f72646572)) }

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

// recorder records the choices of another.
type recorder struct {
	Choices
	made []int
}

func (r *recorder) IntN(n int) int {
	choice := r.Choices.IntN(n)
	r.made = append(r.made, choice)
	return choice
}

// recorded repeats choices. After their end nothing goes wrong.
type recorded struct{ left []int }

func (r *recorded) IntN(n int) int {
	if len(r.left) == 0 {
		return 0
	}
	choice := min(r.left[0], n-1)
	r.left = r.left[1:]
	return choice
}
