package simulate

import (
	"cmp"
	"slices"
)

// maxRuns limits the histories that are run to shrink one.
const maxRuns = 3_000

// shrinker reduces a history that violates an invariant: it replaces choices by 0 and removes them, as long as the same invariant is
// violated with fewer faults, or with as many and a shorter story.
type shrinker struct {
	scenario  Scenario
	invariant string
	runs      int
	best      []int
	cost      cost
}

// cost says how complicated a history is.
type cost struct{ faults, lines, choices, sum int }

func (c cost) compare(o cost) int {
	return cmp.Or(cmp.Compare(c.faults, o.faults), cmp.Compare(c.lines, o.lines), cmp.Compare(c.choices, o.choices), cmp.Compare(c.sum, o.sum))
}

// shrink returns the choices of the simplest history that violates the same invariant.
func shrink(scenario Scenario, choices Choices) []int {
	all := &recorder{Choices: choices}
	result := Run(scenario, all, nil)
	if len(result.Violations) == 0 {
		return all.made
	}
	s := &shrinker{scenario: scenario, invariant: result.Violations[0].Invariant, best: all.made, cost: cost{faults: 1 << 62}}
	s.try(all.made)
	for before := (cost{}); before != s.cost && s.runs < maxRuns; {
		before = s.cost
		s.simplifyRanges()
		s.lower()
	}
	return s.best
}

// simplifyRanges replaces ranges of choices by zeros, or removes them.
func (s *shrinker) simplifyRanges() {
	for size := len(s.best); size > 0; size /= 2 {
		for from := 0; from < len(s.best); {
			to := min(from+size, len(s.best))
			zeros := slices.Clone(s.best)
			clear(zeros[from:to])
			if s.try(zeros) {
				from += size
				continue
			}
			if !s.try(slices.Delete(slices.Clone(s.best), from, to)) {
				from += size
			}
		}
	}
}

// lower halves and decrements single choices.
func (s *shrinker) lower() {
	for i := range s.best { // of which fewer may be left
		for _, less := range []func(int) int{func(n int) int { return n / 2 }, func(n int) int { return n - 1 }} {
			for i < len(s.best) && s.best[i] > 0 {
				lower := slices.Clone(s.best)
				lower[i] = less(lower[i])
				if !s.try(lower) {
					break
				}
			}
		}
	}
}

// try reports whether the choices are simpler than the best ones and violate the invariant too. Then they are the best ones.
func (s *shrinker) try(choices []int) bool {
	if s.runs++; s.runs > maxRuns {
		return false
	}
	made := &recorder{Choices: &recorded{choices}}
	var lines lineCounter
	result := Run(s.scenario, made, &lines)
	if !slices.ContainsFunc(result.Violations, func(v Violation) bool { return v.Invariant == s.invariant }) {
		return false
	}
	c := cost{faults: result.Faults, lines: int(lines)}
	for i, choice := range made.made {
		if choice > 0 {
			c.choices, c.sum = i+1, c.sum+choice
		}
	}
	if c.compare(s.cost) >= 0 {
		return false
	}
	s.best, s.cost = made.made[:c.choices], c // all further choices are 0
	return true
}

// lineCounter counts what is written line by line.
type lineCounter int

func (l *lineCounter) Write(data []byte) (int, error) {
	*l++
	return len(data), nil
}
