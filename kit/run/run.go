// Package run runs the parts of a service, stops them in order, and turns panics into errors.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Runner works until it is done or ctx ends; then it stops and returns. Stopping because ctx ended is no error.
type Runner func(ctx context.Context) error

// Part is a part of a service.
type Part struct {
	Name        string // a constant: it labels a metric
	Run         Runner
	StopTimeout time.Duration // how long it may take to stop
}

// ErrStopTimeout is returned for a part that did not stop within its StopTimeout. It is left behind.
var ErrStopTimeout = errors.New("did not stop in time")

// Parts runs all parts until ctx ends or one of them does. Then it stops them one after another, in their order, so that
// each part can use those behind it until it has stopped. It returns their errors joined, each with the part's name.
func Parts(ctx context.Context, log *slog.Logger, parts ...Part) error {
	stops := make([]context.CancelFunc, len(parts))
	ended := make([]chan error, len(parts))
	first := make(chan struct{}, len(parts)) // room for all: a part that ends late must not block
	for i, p := range parts {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		stops[i], ended[i] = stop, make(chan error, 1)
		go func() {
			ended[i] <- Catch(own, log, p.Name, func() error { return p.Run(own) })
			first <- struct{}{}
		}()
	}
	select {
	case <-first:
	case <-ctx.Done():
	}

	var errs []error
	for i, p := range parts {
		stops[i]()
		var err error
		select {
		case err = <-ended[i]:
		case <-time.After(p.StopTimeout):
			err = ErrStopTimeout
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}
