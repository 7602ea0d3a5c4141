package payment

import (
	"math/rand/v2"
	"sync"
)

// Random makes random decisions that are repeatable with the same seed. It is safe for concurrent use.
type Random struct {
	mu     sync.Mutex
	random *rand.Rand
}

// NewRandom returns a Random with a seed. 0 selects a random seed.
func NewRandom(seed uint64) *Random {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &Random{random: rand.New(rand.NewPCG(seed, seed))}
}

// Chance returns true with the given probability, from 0 (never) to 1 (always).
func (r *Random) Chance(rate float64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.Float64() < rate
}
