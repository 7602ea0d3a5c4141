package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrPanic is wrapped by the error that Catch returns after a panic. Details may be secret and are only logged.
var ErrPanic = errors.New("internal error: panic")

// Panics counts the panics of this process per part.
var Panics = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "panics_total", Help: "Panics that were caught; the log has their stacks.",
}, []string{"part"})

// Catch calls f and returns its error. It logs a panic with its stack, counts it, and returns it as an error that wraps
// ErrPanic, so that a panic does not end the process. Every goroutine of the services must run in Catch; a test of this
// package checks that. part must be a constant, because it is a label of Panics.
func Catch(ctx context.Context, log *slog.Logger, part string, f func() error) (err error) {
	total := Panics.WithLabelValues(part) // creates the counter, so that it is 0 before the first panic
	defer func() {
		if p := recover(); p != nil {
			total.Inc()
			log.ErrorContext(ctx, "panic", "part", part, "panic", fmt.Sprint(p), "stack", "\n"+string(debug.Stack()))
			err = fmt.Errorf("%w in %s", ErrPanic, part)
		}
	}()
	return f()
}
