package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is the kind of a fault.
type kind string

const (
	killed   kind = "killed"            // SIGKILL, then a restart
	stopped  kind = "stopped"           // SIGTERM, then a restart
	slow     kind = "slow (3 s)"        // payments-svc only
	failing  kind = "failing half"      // payments-svc only
	database kind = "PostgreSQL killed" // then a restart
)

// fault is an entry of the plan.
type fault struct {
	kind     kind
	parts    []string
	duration time.Duration
	pause    time.Duration // until the next fault
}

func (f fault) String() string {
	if f.kind == database {
		return fmt.Sprintf("%s for %s", f.kind, f.duration)
	}
	return fmt.Sprintf("%s %s for %s", strings.Join(f.parts, " and "), f.kind, f.duration)
}

// makePlan returns n faults. Each kind of the setup occurs once before any occurs twice; the seed determines the rest.
func makePlan(seed uint64, n int, s Setup, short bool) []fault {
	r := rand.New(rand.NewPCG(seed, 0xfa))
	ms := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Millisecond }
	down, degraded := 30*time.Second, 15*time.Second
	if short {
		down, degraded = 8*time.Second, 6*time.Second
	}
	parts := []string{"orders-actor", "orders-actor.sidecar", "payments-svc", "payments-svc.sidecar", "scheduler", "placement"}
	if s == Postgres {
		parts = append(parts, "orders-actor-2", "orders-actor-2.sidecar")
	}
	kill := func(parts ...string) func() fault {
		return func() fault { return fault{kind: killed, parts: parts, duration: ms(500, 4_000)} }
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
		func() fault { return fault{kind: killed, parts: []string{"payments-svc"}, duration: down} },
		func() fault { return fault{kind: slow, parts: []string{"payments-svc"}, duration: degraded} },
		func() fault { return fault{kind: failing, parts: []string{"payments-svc"}, duration: degraded} },
		func() fault { return fault{kind: stopped, parts: []string{"orders-actor"}, duration: ms(500, 3_000)} },
	)
	if s == Postgres {
		kinds = append(
			kinds,
			func() fault { return fault{kind: stopped, parts: []string{"orders-actor-2"}, duration: ms(500, 3_000)} },
			func() fault { return fault{kind: database, duration: ms(500, 3_000)} },
		)
	}
	var plan []fault
	for len(plan) < n {
		round := slices.Clone(kinds)
		r.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, draw := range round[:min(len(round), n-len(plan))] {
			f := draw()
			f.pause = ms(2_000, 6_000)
			plan = append(plan, f)
		}
	}
	return plan
}

// length returns the duration of a plan, without the time for restarts.
func length(plan []fault) time.Duration {
	var sum time.Duration
	for _, f := range plan {
		sum += f.duration + f.pause
	}
	return sum
}
