package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrPanic is what Catch returns after a panic. It names no details, which may be secret: those are in the log.
var ErrPanic = errors.New("internal error: panic")

// Panics counts the panics of this process by the part that panicked.
var Panics = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "panics_total", Help: "Panics that were caught; the log has their stacks.",
}, []string{"part"})

// Catch calls do and returns its error. A panic is logged with its stack, counted, and returned as an error that wraps
// ErrPanic, so it costs one request, one order or one round of a loop, and not the process. Every goroutine of the services
// runs under Catch; a test of this package checks that. part names what panicked: a constant, since it labels a metric.
func Catch(ctx context.Context, log *slog.Logger, part string, do func() error) (err error) {
	total := Panics.WithLabelValues(part) // it is served as 0 before the first panic
	defer func() {
		if p := recover(); p != nil {
			total.Inc()
			log.ErrorContext(ctx, "panic", "part", part, "panic", fmt.Sprint(p), "stack", "\n"+string(debug.Stack()))
			err = fmt.Errorf("%w in %s", ErrPanic, part)
		}
	}()
	return do()
}
