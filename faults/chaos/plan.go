package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is a way to break something.
type kind string

const (
	killed   kind = "killed"            // SIGKILL, started again after a while
	stopped  kind = "stopped in order"  // SIGTERM, started again after a while
	slowly   kind = "slow (3 s)"        // payments only
	failing  kind = "failing half"      // payments only
	database kind = "PostgreSQL killed" // started again after a while
)

// fault is one entry of the plan.
type fault struct {
	what  kind
	parts []string
	lasts time.Duration
	then  time.Duration // peace until the next one
}

func (f fault) String() string {
	if f.what == database {
		return fmt.Sprintf("%s for %s", f.what, f.lasts)
	}
	return fmt.Sprintf("%s %s for %s", strings.Join(f.parts, " and "), f.what, f.lasts)
}

// makePlan draws n faults. Every kind that the set-up knows comes before any comes twice; the seed decides the rest.
func makePlan(seed uint64, n int, s Setup, short bool) []fault {
	r := rand.New(rand.NewPCG(seed, 0xfa))
	ms := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Millisecond }
	away, trouble := 30*time.Second, 15*time.Second
	if short {
		away, trouble = 8*time.Second, 6*time.Second
	}
	parts := []string{"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement"}
	if s == Postgres {
		parts = append(parts, "orders-actor-2", "orders-actor-2.sidecar")
	}
	kill := func(parts ...string) func() fault {
		return func() fault { return fault{what: killed, parts: parts, lasts: ms(500, 4_000)} }
	}
	var kinds []func() fault
	for _, part := range parts {
		kinds = append(kinds, kill(part))
	}
	pair := func() fault {
		first, second := r.IntN(len(parts)), r.IntN(len(parts)-1)
		if second >= first {
			second++
		}
		return kill(parts[first], parts[second])()
	}
	kinds = append(
		kinds, pair, pair,
		func() fault { return fault{what: killed, parts: []string{"payments-svc"}, lasts: away} },
		func() fault { return fault{what: slowly, parts: []string{"payments-svc"}, lasts: trouble} },
		func() fault { return fault{what: failing, parts: []string{"payments-svc"}, lasts: trouble} },
		func() fault { return fault{what: stopped, parts: []string{"orders-actor"}, lasts: ms(500, 3_000)} },
	)
	if s == Postgres {
		kinds = append(
			kinds,
			func() fault { return fault{what: stopped, parts: []string{"orders-actor-2"}, lasts: ms(500, 3_000)} },
			func() fault { return fault{what: database, lasts: ms(500, 3_000)} },
		)
	}
	var plan []fault
	for len(plan) < n {
		round := slices.Clone(kinds)
		r.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, draw := range round[:min(len(round), n-len(plan))] {
			f := draw()
			f.then = ms(2_000, 6_000)
			plan = append(plan, f)
		}
	}
	return plan
}

// length is how long a plan takes if everything is back at once.
func length(plan []fault) time.Duration {
	var all time.Duration
	for _, f := range plan {
		all += f.lasts + f.then
	}
	return all
}
