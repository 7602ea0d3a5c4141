package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"orders/kit/process"
)

// Parts returns the names of all parts: orders-actor, orders-actor.sidecar, orders-actor-2 and so on, payments-svc,
// payments-svc.sidecar, placement, scheduler, sentry.
func (s *Stack) Parts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = p.Name
	}
	return names
}

func (s *Stack) part(name string) (*process.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no part %q", name)
}

// with calls do with a part.
func (s *Stack) with(name string, do func(*process.Process) error) error {
	p, err := s.part(name)
	if err != nil {
		return err
	}
	return do(p)
}

// Kill ends a part with SIGKILL, as a crash would. The other parts keep running.
func (s *Stack) Kill(name string) error { return s.with(name, (*process.Process).Kill) }

// Stop ends a part with SIGTERM and waits until it has ended. The other parts keep running.
func (s *Stack) Stop(name string) error { return s.with(name, (*process.Process).Stop) }

// Start starts a part that was killed or stopped, with the same command and settings. WaitReady waits until it is ready.
func (s *Stack) Start(name string) error {
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return errors.New("the stack is stopped")
	}
	return s.with(name, (*process.Process).Start)
}

// Set changes settings in the environment of a part. They take effect when the part is started next.
func (s *Stack) Set(name string, settings map[string]string) error {
	return s.with(name, func(p *process.Process) error {
		p.SetEnv(settings)
		return nil
	})
}

// WaitReady returns when every running part is ready.
func (s *Stack) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	s.mu.Lock()
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		if p.Running() {
			group.Go(func() error { return p.Await(ctx) })
		}
	}
	return group.Wait()
}

// URL returns the address of the first replica of orders-actor.
func (s *Stack) URL() string { return s.URLs()[0] }

// URLs returns the address of each replica of orders-actor.
func (s *Stack) URLs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.urls)
}

// Part returns a part, to read its addresses, its token or its process id. It returns an empty Process if there is none of this
// name.
func (s *Stack) Part(name string) *process.Process {
	p, err := s.part(name)
	if err != nil {
		return &process.Process{}
	}
	return p
}

// Home returns the data folder.
func (s *Stack) Home() string { return s.o.Home }
