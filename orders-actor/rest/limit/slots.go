package limit

import (
	"sync"

	"orders/kit/httpapi/problem"
)

// Slots limits the open calls of one kind, in total and per user, so that one user cannot occupy all slots.
type Slots struct {
	kind           string // for the message, in plural
	total, perUser int

	mu      sync.Mutex
	used    int
	perUsed map[string]int // by user; users without a slot are absent
}

// NewSlots returns free slots. The kind, such as "exports", is named in problems.
func NewSlots(kind string, total, perUser int) *Slots {
	return &Slots{kind: kind, total: total, perUser: perUser, perUsed: map[string]int{}}
}

// Enter takes a slot, which the caller frees with Leave. It returns a rate-limited problem when the user has too many, and
// an overloaded problem when all are taken.
func (s *Slots) Enter(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perUsed[user] >= s.perUser:
		return problem.New(problem.RateLimited, "you have %d %s open already; close one and try again", s.perUser, s.kind)
	case s.used >= s.total:
		return Overloaded()
	}
	s.used++
	s.perUsed[user]++
	return nil
}

// Leave frees a slot of the user.
func (s *Slots) Leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if s.perUsed[user]--; s.perUsed[user] == 0 {
		delete(s.perUsed, user)
	}
}
