// Package doctor runs checks of an installation and reports what is wrong and how to fix it.
package doctor

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Level says how bad a finding is.
type Level string

// The levels. A Warning becomes a Problem if nothing is done.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is what a check has found: a sentence, and unless the level is OK, how to fix it.
type Finding struct {
	Level     Level
	Text, Fix string
}

// Check is one row of the table of checks. Run has a deadline of 10 s.
type Check struct {
	Name string
	Run  func(ctx context.Context) []Finding
}

const timeout = 10 * time.Second

// Good returns a finding of the level OK.
func Good(format string, args ...any) []Finding {
	return []Finding{{Level: OK, Text: fmt.Sprintf(format, args...)}}
}

// Warn returns a finding of the level Warning.
func Warn(fix, format string, args ...any) []Finding {
	return []Finding{{Level: Warning, Text: fmt.Sprintf(format, args...), Fix: fix}}
}

// Bad returns a finding of the level Problem.
// Bad returns a finding of the level Problem.
func Bad(fix, format string, args ...any) []Finding {
	return []Finding{{Level: Problem, Text: fmt.Sprintf(format, args...), Fix: fix}}
}

// Run runs the checks one after another, writes their findings, and returns an error if one is a Problem.
func Run(ctx context.Context, out io.Writer, checks []Check) error {
	count := map[Level]int{}
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, timeout)
		for _, f := range c.Run(limited) {
			count[f.Level]++
			fmt.Fprintf(out, "%-8s %s: %s\n", f.Level, c.Name, f.Text)
			if f.Level != OK {
				fmt.Fprintf(out, "         fix: %s\n", f.Fix)
			}
		}
		cancel()
	}
	fmt.Fprintf(out, "%d checks, %d warnings, %d problems\n", len(checks), count[Warning], count[Problem])
	if n := count[Problem]; n > 0 {
		return fmt.Errorf("%d problems found", n)
	}
	return ctx.Err()
}
