package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"orders/kit/process"
	"orders/stack"
)

// State is what a part does.
type State string

// The states of a part.
const (
	Running  State = "running"
	Starting State = "starting" // it runs and does not serve yet
	Killed   State = "killed"
	Exited   State = "exited" // it ended without being asked to
)

// Mode is how payments-svc behaves.
type Mode string

// The modes.
const (
	Normal  Mode = "normal"
	Slow    Mode = "slow"
	Failing Mode = "failing" // half of the calls
)

// normalLatency is long enough that a visitor sees the status created.
const normalLatency = "500ms"

// modes has the settings of payments-svc for each mode.
var modes = map[Mode]map[string]string{
	Normal:  {"PAYMENT_LATENCY": normalLatency, "PAYMENT_FAILURE_RATE": "0"},
	Slow:    {"PAYMENT_LATENCY": "3s", "PAYMENT_FAILURE_RATE": "0"},
	Failing: {"PAYMENT_LATENCY": normalLatency, "PAYMENT_FAILURE_RATE": "0.5"},
}

// partNames lists the parts that may be killed, as chaos does.
var partNames = []string{
	stack.OrdersActor, stack.OrdersActor + ".sidecar", stack.PaymentsSvc, stack.PaymentsSvc + ".sidecar", "placement", "scheduler",
}

// startTimeout limits how long a part may take until it serves.
const startTimeout = time.Minute

var errUnknownPart = errors.New("there is no such part")

// product is what the lab does with the running product.
type product interface {
	Kill(part string) error
	Stop(part string) error
	Start(part string) error
	Await(ctx context.Context, part string) error // returns when the part serves
	Set(part string, settings map[string]string) error
	// Supervise calls onExit when the part ends without being asked to.
	Supervise(part string, onExit func(error)) error
}

// onStack is the product that package stack runs.
type onStack struct{ *stack.Stack }

func (s onStack) Await(ctx context.Context, part string) error { return s.process(part).Await(ctx) }

func (s onStack) Supervise(part string, onExit func(error)) error {
	return s.process(part).Supervise(onExit)
}

func (s onStack) process(part string) *process.Process { return s.Part(part) }

// Part is a part of the product, as the page shows it.
type Part struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Since int64  `json:"since"` // Unix time in ms
	Kills int    `json:"kills"`
}

// Status is what the page shows of the product.
type Status struct {
	Parts    []Part `json:"parts"`
	Payments Mode   `json:"payments"`
}

// parts kills and starts the parts of the product. Its methods may be called concurrently.
type parts struct {
	product product
	now     func() time.Time

	control sync.Mutex // held while a part is killed or started, but not until it serves

	mu       sync.Mutex
	parts    map[string]*Part
	payments Mode
}

// newParts watches a product whose parts are all running.
func newParts(p product, log *slog.Logger) (*parts, error) {
	all := &parts{product: p, now: time.Now, parts: map[string]*Part{}, payments: Normal}
	for _, name := range partNames {
		all.parts[name] = &Part{Name: name}
		all.set(name, Running)
	}
	for _, name := range partNames {
		exited := func(err error) {
			log.Error("a part has exited", "part", name, "error", err)
			all.set(name, Exited)
		}
		if err := p.Supervise(name, exited); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Status returns the states of all parts.
func (p *parts) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Payments: p.payments}
	for _, name := range partNames {
		s.Parts = append(s.Parts, *p.parts[name])
	}
	return s
}

func (p *parts) set(name string, state State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	part := p.parts[name]
	if state == Killed {
		part.Kills++
	}
	part.State, part.Since = state, p.now().UnixMilli()
}

func (p *parts) is(name string, states ...State) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(states, p.parts[name].State)
}

// Kill ends a part with SIGKILL, unless it has ended.
func (p *parts) Kill(name string) error {
	if !slices.Contains(partNames, name) {
		return fmt.Errorf("%w: %q", errUnknownPart, name)
	}
	p.control.Lock()
	defer p.control.Unlock()
	if !p.is(name, Running, Starting) {
		return nil
	}
	if err := p.product.Kill(name); err != nil {
		return err
	}
	p.set(name, Killed)
	return nil
}

// Start starts a part that has ended, and returns when it serves, or has ended again.
func (p *parts) Start(ctx context.Context, name string) error {
	if !slices.Contains(partNames, name) {
		return fmt.Errorf("%w: %q", errUnknownPart, name)
	}
	p.control.Lock()
	if p.is(name, Killed, Exited) {
		p.set(name, Starting)
		if err := p.product.Start(name); err != nil {
			p.set(name, Exited)
			p.control.Unlock()
			return err
		}
	}
	p.control.Unlock()
	return p.await(ctx, name)
}

// await returns when a part serves, or does not run any more.
func (p *parts) await(ctx context.Context, name string) error {
	// Also after the page has closed the connection, so that the state does not stay at starting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err := p.product.Await(ctx, name)
	p.mu.Lock()
	defer p.mu.Unlock()
	part := p.parts[name]
	if part.State != Starting {
		return nil
	}
	if err == nil {
		part.State, part.Since = Running, p.now().UnixMilli()
	}
	return err
}

// StartAll starts all parts that have ended, and returns when they serve.
func (p *parts) StartAll(ctx context.Context) error {
	// The parts of the control plane first: the others need them.
	for _, name := range slices.Backward(partNames) {
		if err := p.Start(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Pay sets how payments-svc behaves. It is stopped in order and started again for that, unless it has ended.
func (p *parts) Pay(ctx context.Context, mode Mode) error {
	p.control.Lock()
	restart, err := p.pay(mode)
	p.control.Unlock()
	if err != nil || !restart {
		return err
	}
	return p.await(ctx, stack.PaymentsSvc)
}

func (p *parts) pay(mode Mode) (restart bool, err error) {
	p.mu.Lock()
	same := p.payments == mode
	p.payments = mode
	p.mu.Unlock()
	if same {
		return false, nil
	}
	if err := p.product.Set(stack.PaymentsSvc, modes[mode]); err != nil {
		return false, err
	}
	if !p.is(stack.PaymentsSvc, Running, Starting) {
		return false, nil
	}
	p.set(stack.PaymentsSvc, Starting)
	if err := errors.Join(p.product.Stop(stack.PaymentsSvc), p.product.Start(stack.PaymentsSvc)); err != nil {
		return false, err
	}
	return true, nil
}
