package rest

import (
	"sync"

	"orders/kit/httpapi/problem"
)

// places bounds the calls of one kind that stay open for long, in all and for each user, so that one user can't take
// every place. Each replica counts for itself.
type places struct {
	of             string // what is counted, for the message
	limit, perUser int

	mu    sync.Mutex
	total int
	users map[string]int // only those with a place
}

func newPlaces(of string, limit, perUser int) *places {
	return &places{of: of, limit: limit, perUser: perUser, users: map[string]int{}}
}

// enter takes a place. The caller gives it back with leave. It returns a problem when there is none.
func (p *places) enter(user string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.users[user] >= p.perUser:
		return problem.New(problem.RateLimited, "you have %d %s open already; close one and try again", p.perUser, p.of)
	case p.total >= p.limit:
		return overloaded()
	}
	p.total++
	p.users[user]++
	return nil
}

func (p *places) leave(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total--
	if p.users[user]--; p.users[user] == 0 {
		delete(p.users, user)
	}
}
