package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"orders/kit/panics"
	"orders/kit/service"
)

// part of the service. Its limit is how long it may take to stop.
type part struct {
	name  string
	run   service.Runner
	limit time.Duration
}

// inOrder runs the parts until ctx ends or one of them does. Then it stops them one after another, in their order: each
// still has what it needs from those behind it.
func inOrder(ctx context.Context, log *slog.Logger, parts ...part) error {
	type running struct {
		part
		stop  context.CancelFunc
		ended chan error
	}
	one := make(chan struct{}, len(parts)) // room for all: a late one must not hang
	all := make([]running, len(parts))
	for i, p := range parts {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		all[i] = running{part: p, stop: stop, ended: make(chan error, 1)}
		go func() {
			all[i].ended <- panics.Catch(own, log, p.name, func() error { return service.Run(own, log, p.limit, p.run) })
			one <- struct{}{}
		}()
	}
	select {
	case <-one:
	case <-ctx.Done():
	}
	var errs []error
	for _, p := range all {
		p.stop()
		if err := <-p.ended; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}
