package rest

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// gate bounds how many are inside at once. Nobody queues at it.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

func (g gate) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }

// maxRates bounds the memory that users' rates take.
const maxRates = 20_000

// rates is a token bucket per user: a minute's worth at once, refilled evenly. Each replica counts for itself.
type rates struct {
	perMinute int
	now       func() time.Time

	mu    sync.Mutex
	users map[string]*rate.Limiter
}

func newRates(perMinute int, now func() time.Time) *rates {
	return &rates{perMinute: perMinute, now: now, users: map[string]*rate.Limiter{}}
}

// taken is what a user has left. Times are in whole seconds, rounded up.
type taken struct {
	ok                      bool
	remaining, reset, retry int
}

func (r *rates) take(user string) taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	bucket, ok := r.users[user]
	if !ok {
		r.makeRoom(now)
		bucket = rate.NewLimiter(rate.Limit(float64(r.perMinute)/60), r.perMinute)
		r.users[user] = bucket
	}
	t := taken{ok: bucket.AllowN(now, 1)}
	left := bucket.TokensAt(now)
	perSecond := float64(r.perMinute) / 60
	t.remaining = max(0, int(left))
	t.reset = int(math.Ceil((float64(r.perMinute) - left) / perSecond))
	t.retry = max(1, int(math.Ceil((1-left)/perSecond)))
	return t
}

// makeRoom forgets those who have a full bucket, which changes nothing for them; and when that isn't enough, anybody.
func (r *rates) makeRoom(now time.Time) {
	if len(r.users) < maxRates {
		return
	}
	for user, bucket := range r.users {
		if bucket.TokensAt(now) >= float64(r.perMinute) {
			delete(r.users, user)
		}
	}
	for user := range r.users {
		if len(r.users) < maxRates {
			return
		}
		delete(r.users, user)
	}
}
