// Package panics keeps a panic from ending the process. Catch turns it into an error, which costs one request, one order or
// one round of a loop only. Every goroutine of the services runs under it; a test of this package holds that.
package panics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Err is what Catch returns after a panic. It names no details, which may be secret: those are in the log.
var Err = errors.New("internal error: panic")

// Total counts the panics of this process by the part that panicked.
var Total = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "panics_total", Help: "Panics that were caught; the log has their stacks.",
}, []string{"part"})

// Catch calls do and returns its error. A panic is logged with its stack, counted, and returned as an error that wraps Err.
// part names what do is: a constant, since it labels a metric.
func Catch(ctx context.Context, log *slog.Logger, part string, do func() error) (err error) {
	total := Total.WithLabelValues(part) // it is served as 0 before the first panic
	defer func() {
		if p := recover(); p != nil {
			total.Inc()
			log.ErrorContext(ctx, "panic", "part", part, "panic", fmt.Sprint(p), "stack", "\n"+string(debug.Stack()))
			err = fmt.Errorf("%w in %s", Err, part)
		}
	}()
	return do()
}
