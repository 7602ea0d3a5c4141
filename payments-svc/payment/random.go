package payment

import (
	"math/rand/v2"
	"sync"
)

// Random decides by chance, the same way again for the same seed. For concurrent use.
type Random struct {
	mu     sync.Mutex
	random *rand.Rand
}

// NewRandom makes a Random with a seed; 0 picks a random one.
func NewRandom(seed uint64) *Random {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &Random{random: rand.New(rand.NewPCG(seed, seed))}
}

// Chance is true at this rate: never at 0, always at 1.
func (r *Random) Chance(rate float64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.Float64() < rate
}
