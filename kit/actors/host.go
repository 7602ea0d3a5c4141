package actors

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	actorerr "github.com/dapr/go-sdk/actor/error"

	"orders/kit/run"
)

// Actor is one activation. Its methods never overlap, and after an error none is called again.
type Actor interface {
	// Invoke answers a command. An error is a fault of the infrastructure: the caller gets no reply.
	Invoke(ctx context.Context, method string, body []byte) ([]byte, error)
	// Remind answers a reminder. After an error it comes again.
	Remind(ctx context.Context, name string) error
}

// Config says what a Host hosts. Zero durations and counts take the defaults.
type Config struct {
	Type     string
	Activate func(id string) Actor // cheap: it is called under a lock
	Log      *slog.Logger
	// Observe, when given, hears of every turn. What it is called after is the caller's word: any text.
	Observe func(turn string, took time.Duration, err error)
	// UnknownMessage, when given, hears of every message of the sidecar that this release does not know. kind is the number
	// of its field in Dapr's protocol.
	UnknownMessage func(kind int)

	TurnTimeout time.Duration // 15 s: a turn's own deadline, and the longest wait for another turn of the same actor
	IdleTimeout time.Duration // 30 s: after this the sidecar deactivates an actor
	MaxTurns    int           // 512: callbacks in progress
	Drain       time.Duration // 15 s: how long a stopping host waits for turns that have begun
	AckTimeout  time.Duration // 10 s: how long the sidecar may take to take over our actors
}

func (c Config) withDefaults() Config {
	set(&c.Log, slog.Default())
	set(&c.TurnTimeout, 15*time.Second)
	set(&c.IdleTimeout, 30*time.Second)
	set(&c.MaxTurns, 512)
	set(&c.Drain, 15*time.Second)
	set(&c.AckTimeout, 10*time.Second)
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Host runs the actors of one type. Make it with NewHost, and call Run once.
type Host struct {
	Config
	sidecar  *Sidecar
	ready    atomic.Bool
	stopping atomic.Bool
	running  tally // turns, of whatever stream

	mu      sync.Mutex
	slots   map[string]*slot
	unknown map[int]bool // kinds of messages that were logged
}

// slot is an actor's place in this process: it exists while the actor is active or somebody is at its turn.
type slot struct {
	turn  chan struct{} // holds one token while a turn runs
	users int           // turns that run or wait
	actor Actor         // nil: to be activated by the next turn
}

// NewHost makes a host that reaches its sidecar through s.
func NewHost(s *Sidecar, c Config) *Host {
	return &Host{Config: c.withDefaults(), sidecar: s, slots: make(map[string]*slot), unknown: make(map[int]bool)}
}

// Ready reports whether the sidecar is connected, hosts our actors, and its callbacks are answered.
func (h *Host) Ready() bool { return h.ready.Load() }

const maxUnknownKinds = 32 // that are logged: what the sidecar sends must not fill the memory

// unknownMessage logs each kind of unknown message once.
func (h *Host) unknownMessage(kind int) {
	h.mu.Lock()
	logged := h.unknown[kind] || len(h.unknown) == maxUnknownKinds
	if !logged {
		h.unknown[kind] = true
	}
	h.mu.Unlock()
	if !logged {
		h.Log.Warn("ignored a message of the sidecar of an unknown kind: the sidecar may be newer than this service", "kind", kind)
	}
	if h.UnknownMessage != nil {
		h.UnknownMessage(kind)
	}
}

// turn runs f as the only turn of this actor, to its end.
func (h *Host) turn(ctx context.Context, id, what string, f func(context.Context, Actor) error) error {
	h.running.add()
	defer h.running.done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.TurnTimeout)
	defer cancel()

	s := h.enter(id)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		h.leave(id, s, nil)
		h.Log.Warn("turn not begun: the one before it takes too long", "actor", id, "turn", what)
		return ctx.Err()
	}
	var spent Actor
	defer func() {
		h.leave(id, s, spent)
		<-s.turn
	}()
	began := time.Now()
	// One broken order must not take the others down.
	err := run.Catch(ctx, h.Log, "turn", func() error {
		spent = h.activate(id, s)
		return f(ctx, spent)
	})
	if err == nil {
		spent = nil
	} else {
		h.Log.Warn("turn failed", "actor", id, "turn", what, "error", err)
	}
	if h.Observe != nil {
		h.Observe(what, time.Since(began), err)
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

// leave ends a turn, and the activation that it spent.
func (h *Host) leave(id string, s *slot, spent Actor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.users--
	if spent != nil && s.actor == spent {
		s.actor = nil
	}
	h.sweep(id, s)
}

// deactivate never waits for a running turn: the sidecar holds up all its actors until it is answered, and the turn may
// be waiting for the sidecar. A turn that runs ends on the activation that it began with.
func (h *Host) deactivate(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.slots[id]; s != nil {
		s.actor = nil
		h.sweep(id, s)
	}
}

func (h *Host) deactivateAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, s := range h.slots {
		s.actor = nil
		h.sweep(id, s)
	}
}

// sweep drops a slot that nobody needs. The caller holds h.mu.
func (h *Host) sweep(id string, s *slot) {
	if s.users == 0 && s.actor == nil {
		delete(h.slots, id)
	}
}

// callbacks is the host as the SDK wants to see it. The SDK calls it on goroutines of its own.
type callbacks struct{ *Host }

func (h callbacks) catch(ctx context.Context, do func() error) actorerr.ActorErr {
	return outcome(run.Catch(ctx, h.Log, "callback", do))
}

func (h callbacks) RegisteredActorTypes() []string { return []string{h.Type} }

func (h callbacks) InvokeActorMethod(ctx context.Context, _, id, method string, body []byte) (reply []byte, _ actorerr.ActorErr) {
	failed := h.catch(ctx, func() error {
		return h.turn(ctx, id, method, func(ctx context.Context, a Actor) (err error) {
			reply, err = a.Invoke(ctx, method, body)
			return err
		})
	})
	return reply, failed
}

func (h callbacks) InvokeReminder(ctx context.Context, _, id, name string, _ []byte) actorerr.ActorErr {
	return h.catch(ctx, func() error {
		return h.turn(ctx, id, "reminder "+name, func(ctx context.Context, a Actor) error {
			return a.Remind(ctx, name)
		})
	})
}

// InvokeTimer acknowledges: we set no timers.
func (h callbacks) InvokeTimer(context.Context, string, string, string, []byte) actorerr.ActorErr {
	return actorerr.Success
}

func (h callbacks) Deactivate(_ context.Context, _, id string) actorerr.ActorErr {
	h.deactivate(id)
	return actorerr.Success
}

func outcome(err error) actorerr.ActorErr {
	if err != nil {
		return actorerr.ErrActorInvokeFailed // the sidecar carries no more than this
	}
	return actorerr.Success
}

// tally counts what has begun and not ended.
type tally struct {
	mu    sync.Mutex
	n     int
	moved time.Time     // when n changed last
	less  chan struct{} // closed when n shrinks
}

func (t *tally) add() {
	t.mu.Lock()
	t.n++
	t.moved = time.Now()
	t.mu.Unlock()
}

// full reports whether limit are left and none has ended or begun for a time.
func (t *tally) full(limit int, since time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n >= limit && time.Since(t.moved) > since
}

func (t *tally) done() {
	t.mu.Lock()
	t.n--
	t.moved = time.Now()
	if t.less != nil {
		close(t.less)
		t.less = nil
	}
	t.mu.Unlock()
}

// below waits until fewer than limit are left, or ctx ends.
func (t *tally) below(ctx context.Context, limit int) error {
	for {
		t.mu.Lock()
		if t.n < limit {
			t.mu.Unlock()
			return nil
		}
		if t.less == nil {
			t.less = make(chan struct{})
		}
		less := t.less
		t.mu.Unlock()
		select {
		case <-less:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
