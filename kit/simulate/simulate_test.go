package simulate_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/actors"
	"orders/kit/simulate"
)

func TestIdempotentDepositsHold(t *testing.T) {
	total := simulate.Check(t, 1_000, func(s *simulate.Simulation) {
		s.Replicas = 1
		deposits(true)(s)
	})
	assert.Positive(t, total.Faults)
}

func FuzzDeposits(f *testing.F) {
	simulate.Fuzz(f, func(s *simulate.Simulation) {
		s.Replicas = 1
		deposits(true)(s)
	})
}

func TestSameChoicesGiveSameStory(t *testing.T) {
	for seed := range uint64(50) {
		var first, second bytes.Buffer
		assert.Equal(t,
			simulate.Run(deposits(false), simulate.Seeded(seed), &first),
			simulate.Run(deposits(false), simulate.Seeded(seed), &second))
		assert.Equal(t, first.String(), second.String())
	}
}

func TestFailureHasTheShortestStory(t *testing.T) {
	_, failure := simulate.Search(deposits(false), 0, 1_000)
	require.NotNil(t, failure)
	assert.Equal(t, 1, failure.Faults, failure.Story)
	assert.Less(t, strings.Count(failure.Story, "\n"), 20, failure.Story)
	assert.ErrorContains(t, failure, "N=1 SEED=")
}

// actor is an actor of functions.
type actor struct {
	invoke func() error
	remind func()
}

func (a actor) Invoke(context.Context, string, []byte) ([]byte, error) { return nil, a.invoke() }
func (a actor) Remind(context.Context, string) error                   { a.remind(); return nil }

func host(s *simulate.Simulation, a actor) {
	s.Host(func(*simulate.Replica) func(string) actors.Actor { return func(string) actors.Actor { return a } })
}

func TestEachFaultHappens(t *testing.T) {
	type fault struct {
		name  string
		rates simulate.Rates
		found func(s *simulate.Simulation, happened func())
	}
	command := func(s *simulate.Simulation) error {
		_, err := s.Send("1", simulate.Message{Method: "do"})
		return err
	}
	for _, f := range []fault{
		{"lost", simulate.Rates{Lost: 500}, func(s *simulate.Simulation, happened func()) {
			executed := false
			host(s, actor{invoke: func() error { executed = true; return nil }})
			s.Go(0, func() {
				if err := command(s); executed && errors.Is(err, simulate.ErrLost) {
					happened()
				}
			})
		}},
		{"crash", simulate.Rates{Crash: 500}, func(s *simulate.Simulation, happened func()) {
			after := false
			host(s, actor{invoke: func() error {
				after = false
				defer func() { after = true }() // also runs while the process is killed
				return s.Step("step", func() {})
			}})
			s.Go(0, func() {
				if err := command(s); err != nil && after {
					happened()
				}
			})
		}},
		{"duplicate", simulate.Rates{Duplicate: 500}, func(s *simulate.Simulation, happened func()) {
			executed := 0
			host(s, actor{invoke: func() error {
				if executed++; executed == 2 {
					happened()
				}
				return nil
			}})
			s.Go(0, func() { _ = command(s) })
		}},
		{"double activation", simulate.Rates{Stray: 500}, func(s *simulate.Simulation, happened func()) {
			running := 0
			host(s, actor{invoke: func() error {
				if running++; running == 2 {
					happened()
				}
				defer func() { running-- }()
				return s.Step("step", func() {})
			}})
			for range 2 {
				s.Go(0, func() { _ = command(s) })
			}
		}},
		{"early", simulate.Rates{Early: 500}, func(s *simulate.Simulation, happened func()) {
			host(s, actor{remind: func() {
				if s.Elapsed() < 10*time.Second {
					happened()
				}
			}})
			s.Remind("1", "wake", 10*time.Second)
		}},
		{"late", simulate.Rates{Late: 500}, func(s *simulate.Simulation, happened func()) {
			host(s, actor{remind: func() {
				if s.Elapsed() > 11*time.Second {
					happened()
				}
			}})
			s.Remind("1", "wake", 10*time.Second)
		}},
		{"slow", simulate.Rates{Slow: 500}, func(s *simulate.Simulation, happened func()) {
			s.Timeout = time.Second
			host(s, actor{invoke: func() error { return s.Step("step", func() {}) }})
			s.Go(0, func() {
				if errors.Is(command(s), simulate.ErrLost) {
					happened()
				}
			})
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			search := func(rates simulate.Rates) bool {
				for seed := range uint64(200) {
					happened := false
					simulate.Run(func(s *simulate.Simulation) {
						s.Rates, s.Replicas = rates, 2
						f.found(s, func() { happened = true })
					}, simulate.Seeded(seed), nil)
					if happened {
						return true
					}
				}
				return false
			}
			assert.True(t, search(f.rates))
			assert.False(t, search(simulate.Rates{}), "without faults")
		})
	}
}

func TestTurnsOfAnActorDoNotOverlapInAReplica(t *testing.T) {
	running := 0
	for seed := range uint64(100) {
		result := simulate.Run(func(s *simulate.Simulation) {
			s.Rates, s.Replicas = simulate.Rates{Slow: 200}, 1
			host(s, actor{invoke: func() error {
				if running++; running > 1 {
					s.Violate("one turn at a time", "%d run", running)
				}
				defer func() { running-- }()
				return s.Step("step", func() {})
			}})
			for range 3 {
				s.Go(0, func() { _, _ = s.Send("1", simulate.Message{Method: "do"}) })
			}
		}, simulate.Seeded(seed), nil)
		require.Empty(t, result.Violations)
	}
}

func TestPanicsAreViolations(t *testing.T) {
	result := simulate.Run(func(s *simulate.Simulation) {
		host(s, actor{invoke: func() error { panic("defect") }})
		s.Go(0, func() { _, _ = s.Send("1", simulate.Message{Method: "do"}) })
	}, simulate.Bytes(nil), nil)
	require.Len(t, result.Violations, 1)
	assert.Equal(t, simulate.Panic, result.Violations[0].Invariant)
	assert.Contains(t, result.Violations[0].Detail, "defect")
}

func TestBackgroundWorkDoesNotDelayTheEnd(t *testing.T) {
	rounds := 0
	result := simulate.Run(func(s *simulate.Simulation) {
		s.Rates, s.Replicas = simulate.Rates{}, 1
		s.Host(func(r *simulate.Replica) func(string) actors.Actor {
			r.Background(0, func() {
				for {
					rounds++
					s.Sleep(time.Second)
				}
			})
			return nil
		})
	}, simulate.Bytes(nil), nil)
	assert.Empty(t, result.Violations)
	assert.Less(t, result.Virtual, time.Minute)
	assert.Greater(t, rounds, 10)
}
