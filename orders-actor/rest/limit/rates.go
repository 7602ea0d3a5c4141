package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets limits the memory of the buckets.
const maxBuckets = 20_000

// Rates limits the requests per minute of each user with token buckets: a bucket holds the requests of one minute and is
// refilled evenly.
type Rates struct {
	perMinute int
	now       func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter // by user
}

// NewRates returns full buckets.
func NewRates(perMinute int, now func() time.Time) *Rates {
	return &Rates{perMinute: perMinute, now: now, buckets: map[string]*rate.Limiter{}}
}

// Allowance is what a request left in its user's bucket. Times are in whole seconds, rounded up.
type Allowance struct {
	OK         bool // the request is within the limit
	Remaining  int  // requests that may follow at once
	Reset      int  // until the bucket is full
	RetryAfter int  // until the next request is within the limit
}

// Take counts a request of the user.
func (r *Rates) Take(user string) Allowance {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	perSecond := float64(r.perMinute) / 60
	bucket, ok := r.buckets[user]
	if !ok {
		r.evict(now)
		bucket = rate.NewLimiter(rate.Limit(perSecond), r.perMinute)
		r.buckets[user] = bucket
	}
	allowed := bucket.AllowN(now, 1)
	left := bucket.TokensAt(now)
	return Allowance{
		OK:         allowed,
		Remaining:  max(0, int(left)),
		Reset:      int(math.Ceil((float64(r.perMinute) - left) / perSecond)),
		RetryAfter: max(1, int(math.Ceil((1-left)/perSecond))),
	}
}

// evict makes space for one bucket. It drops full buckets, which loses nothing, and then any others.
func (r *Rates) evict(now time.Time) {
	if len(r.buckets) < maxBuckets {
		return
	}
	for user, bucket := range r.buckets {
		if bucket.TokensAt(now) >= float64(r.perMinute) {
			delete(r.buckets, user)
		}
	}
	for user := range r.buckets {
		if len(r.buckets) < maxBuckets {
			return
		}
		delete(r.buckets, user)
	}
}
