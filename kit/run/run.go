// Package run runs the parts of a service, stops them in order, and converts panics to errors.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Runner runs until ctx ends or it fails. It returns nil or ctx's error if it stopped because ctx ended.
type Runner func(ctx context.Context) error

// Part is a part of a service.
type Part struct {
	Name        string // a constant: it labels a metric
	Run         Runner
	StopTimeout time.Duration // for Run to return after its context has ended
}

// ErrStopTimeout is the error of a part that did not stop within its StopTimeout. The part keeps running.
var ErrStopTimeout = errors.New("did not stop in time")

// Parts runs all parts until ctx or one of the parts ends. Then it stops them one after another in their order: each part can
// use the parts after it until it has stopped. It returns the joined errors of the parts, each with the part's name.
func Parts(ctx context.Context, log *slog.Logger, parts ...Part) error {
	stops := make([]context.CancelFunc, len(parts))
	ended := make([]chan error, len(parts))
	first := make(chan struct{}, len(parts)) // with room for all, so that a part that ends later does not block
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

// Every returns a runner that calls f at once, and then at an interval after each call, until ctx ends. It logs errors and panics
// of f, and continues.
func Every(interval time.Duration, log *slog.Logger, name string, f func(ctx context.Context) error) Runner {
	return func(ctx context.Context) error {
		for {
			if err := Catch(ctx, log, name, func() error { return f(ctx) }); err != nil && ctx.Err() == nil {
				log.Warn("failed", "part", name, "error", err)
			}
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				return nil
			}
		}
	}
}
