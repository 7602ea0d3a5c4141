package actors

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	actorerr "github.com/dapr/go-sdk/actor/error"

	"orders/kit/run"
	"orders/kit/telemetry"
)

// Actor is an activation of an actor. Its methods are never called concurrently, and not after one has returned an error.
type Actor interface {
	// Invoke executes a command and returns its reply. If it returns an error, the caller gets no reply and may retry.
	Invoke(ctx context.Context, method string, body []byte) ([]byte, error)
	// Remind is called when a reminder fires. If it returns an error, the reminder fires again.
	Remind(ctx context.Context, name string) error
}

// Config configures a Host. Log and fields with a default may be zero.
type Config struct {
	Type     string
	Activate func(id string) Actor // called with a lock held, so it must not block
	Log      *slog.Logger
	// Observe, if set, is called after each turn. turn is the method, which the caller may choose freely, or "reminder " and
	// its name.
	Observe func(turn string, took time.Duration, err error)
	// OnUnknownMessage, if set, is called for each message from the sidecar that this release does not know. kind is the
	// number of the message's field in Dapr's protocol.
	OnUnknownMessage func(kind int)

	WaitTimeout time.Duration // default 5 s: for the actor's earlier turns, before a turn starts
	TurnTimeout time.Duration // default 10 s: for a turn
	IdleTimeout time.Duration // default 30 s: after this time without a turn the sidecar deactivates an actor
	MaxTurns    int           // default 512: limit of callbacks in progress
	Drain       time.Duration // default 15 s: for turns in progress when the host stops
	AckTimeout  time.Duration // default 10 s: for the sidecar's reply to the subscription
}

func (c Config) withDefaults() Config {
	setDefault(&c.Log, slog.Default())
	setDefault(&c.WaitTimeout, 5*time.Second)
	setDefault(&c.TurnTimeout, 10*time.Second)
	setDefault(&c.IdleTimeout, 30*time.Second)
	setDefault(&c.MaxTurns, 512)
	setDefault(&c.Drain, 15*time.Second)
	setDefault(&c.AckTimeout, 10*time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Host hosts the actors of one type. Create it with NewHost and call Run once.
type Host struct {
	Config
	sidecar  *Sidecar
	ready    atomic.Bool
	stopping atomic.Bool
	turns    inProgress // of all streams

	mu      sync.Mutex
	slots   map[string]*slot
	unknown map[int]bool // the kinds of unknown messages that were logged
}

// slot holds an actor's turn lock and activation. It exists while the actor is active or has turns that run or wait.
type slot struct {
	turn  chan struct{} // holds one token while a turn runs
	users int           // number of turns that run or wait
	actor Actor         // nil: the next turn activates it
}

// NewHost returns a host that uses the sidecar s.
func NewHost(s *Sidecar, c Config) *Host {
	return &Host{Config: c.withDefaults(), sidecar: s, slots: make(map[string]*slot), unknown: make(map[int]bool)}
}

// Ready reports whether the sidecar is connected and routes actors to this host.
func (h *Host) Ready() bool { return h.ready.Load() }

const maxUnknownKinds = 32 // limits what is remembered of the sidecar's messages

// handleUnknown logs each kind of unknown message once.
func (h *Host) handleUnknown(kind int) {
	h.mu.Lock()
	logged := h.unknown[kind] || len(h.unknown) == maxUnknownKinds
	if !logged {
		h.unknown[kind] = true
	}
	h.mu.Unlock()
	if !logged {
		h.Log.Warn("ignored a message of unknown kind from the sidecar, which may be newer than this service", "kind", kind)
	}
	if h.OnUnknownMessage != nil {
		h.OnUnknownMessage(kind)
	}
}

// turn runs f as a turn of the actor: alone, and without being cancelled with ctx.
func (h *Host) turn(ctx context.Context, id, name string, f func(context.Context, Actor) error) error {
	h.turns.add()
	defer h.turns.done()
	ctx = context.WithoutCancel(ctx)
	s := h.enter(id)
	_, waiting := telemetry.Start(ctx, "wait", telemetry.Internal)
	wait := time.NewTimer(h.WaitTimeout)
	defer wait.Stop()
	select {
	case s.turn <- struct{}{}:
		waiting.End(nil)
	case <-wait.C:
		h.leave(id, s, nil)
		h.Log.WarnContext(ctx, "turn not started: timeout while another turn runs", "actor", id, "turn", name)
		waiting.End(context.DeadlineExceeded)
		return fmt.Errorf("turn %s of %s not started: %w", name, id, context.DeadlineExceeded)
	}
	ctx, span := telemetry.Start(ctx, "turn", telemetry.Server)
	span.SetName("turn", name)
	span.Set("actor.id", id)
	ctx, cancel := context.WithTimeout(ctx, h.TurnTimeout) // the wait takes nothing from it
	defer cancel()
	var failed Actor
	defer func() {
		h.leave(id, s, failed)
		<-s.turn
	}()
	start := time.Now()
	err := run.Catch(ctx, h.Log, "turn", func() error {
		failed = h.activate(id, s) // set first, for a panic
		return f(ctx, failed)
	})
	if err == nil {
		failed = nil
	} else {
		h.Log.WarnContext(ctx, "turn failed", "actor", id, "turn", name, "error", err)
	}
	span.End(err)
	if h.Observe != nil {
		h.Observe(name, time.Since(start), err)
	}
	return err
}

func (h *Host) enter(id string) *slot {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.slots[id]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		h.slots[id] = s
	}
	s.users++
	return s
}

func (h *Host) activate(id string, s *slot) Actor {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.actor == nil {
		s.actor = h.Activate(id)
	}
	return s.actor
}

// leave ends a turn. failed is the activation to drop, or nil.
func (h *Host) leave(id string, s *slot, failed Actor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.users--
	if failed != nil && s.actor == failed {
		s.actor = nil
	}
	h.deleteUnused(id, s)
}

// deactivate does not wait for a running turn, which keeps its activation: the sidecar blocks all its actors until this
// callback returns, and the turn may be waiting for the sidecar.
func (h *Host) deactivate(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.slots[id]; s != nil {
		s.actor = nil
		h.deleteUnused(id, s)
	}
}

func (h *Host) deactivateAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, s := range h.slots {
		s.actor = nil
		h.deleteUnused(id, s)
	}
}

// deleteUnused deletes a slot without activation and turns. The caller holds h.mu.
func (h *Host) deleteUnused(id string, s *slot) {
	if s.users == 0 && s.actor == nil {
		delete(h.slots, id)
	}
}

// callbacks implements the SDK's handler of actor events. The SDK calls it on its own goroutines.
type callbacks struct{ *Host }

func (h callbacks) run(ctx context.Context, callback func() error) actorerr.ActorErr {
	if err := run.Catch(ctx, h.Log, "callback", callback); err != nil {
		return actorerr.ErrActorInvokeFailed // the SDK passes no other details on
	}
	return actorerr.Success
}

func (h callbacks) RegisteredActorTypes() []string { return []string{h.Type} }

func (h callbacks) InvokeActorMethod(ctx context.Context, _, id, method string, body []byte) (reply []byte, _ actorerr.ActorErr) {
	method, ctx = receiveTrace(ctx, method)
	result := h.run(ctx, func() error {
		return h.turn(ctx, id, method, func(ctx context.Context, a Actor) (err error) {
			reply, err = a.Invoke(ctx, method, body)
			return err
		})
	})
	return reply, result
}

func (h callbacks) InvokeReminder(ctx context.Context, _, id, name string, params []byte) actorerr.ActorErr {
	return h.run(ctx, func() (err error) {
		ctx, span := telemetry.Start(receiveReminderTrace(ctx, params), "reminder", telemetry.Server)
		defer func() { span.End(err) }()
		span.SetName("reminder", name)
		span.Set("actor.id", id)
		return h.turn(ctx, id, "reminder "+name, func(ctx context.Context, a Actor) error {
			return a.Remind(ctx, name)
		})
	})
}

// InvokeTimer acknowledges timers, which this package does not set.
func (h callbacks) InvokeTimer(context.Context, string, string, string, []byte) actorerr.ActorErr {
	return actorerr.Success
}

func (h callbacks) Deactivate(_ context.Context, _, id string) actorerr.ActorErr {
	h.deactivate(id)
	return actorerr.Success
}

// inProgress counts what has started and not ended.
type inProgress struct {
	mu        sync.Mutex
	n         int
	changed   time.Time     // when n changed last
	decreased chan struct{} // closed when n decreases; nil if nothing waits for that
}

func (p *inProgress) add() {
	p.mu.Lock()
	p.n++
	p.changed = time.Now()
	p.mu.Unlock()
}

func (p *inProgress) done() {
	p.mu.Lock()
	p.n--
	p.changed = time.Now()
	if p.decreased != nil {
		close(p.decreased)
		p.decreased = nil
	}
	p.mu.Unlock()
}

// stalled reports whether the count has been at the limit, without a change, for longer than d.
func (p *inProgress) stalled(limit int, d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n >= limit && time.Since(p.changed) > d
}

// waitBelow waits until the count is below limit. It returns ctx's error if ctx ends first.
func (p *inProgress) waitBelow(ctx context.Context, limit int) error {
	for {
		p.mu.Lock()
		if p.n < limit {
			p.mu.Unlock()
			return nil
		}
		if p.decreased == nil {
			p.decreased = make(chan struct{})
		}
		decreased := p.decreased
		p.mu.Unlock()
		select {
		case <-decreased:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
