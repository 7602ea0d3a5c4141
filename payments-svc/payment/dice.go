package payment

import (
	"math/rand/v2"
	"sync"
)

// Dice rolls by chance, the same way again for the same seed. For concurrent use.
type Dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

// NewDice makes dice with a seed; 0 seeds them by chance.
func NewDice(seed uint64) *Dice {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &Dice{random: rand.New(rand.NewPCG(seed, seed))}
}

// Below rolls true at this rate: never at 0, always at 1.
func (d *Dice) Below(rate float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < rate
}
