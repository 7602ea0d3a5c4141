// Package actor hosts virtual actors over the sidecar's event stream, and invokes them. The application dials the
// sidecar; nobody dials the application.
//
// # What an actor may rely on
//
// One turn at a time: turns of one actor never overlap in this process. Dapr promises the same, but not when a caller
// gives up in the middle of a turn or placement moves the actor; so the host holds a lock per actor itself.
//
// A turn that has begun runs to its end: its context carries a deadline of its own, and is not cancelled when the
// caller, the stream or the host goes away.
//
// One activation holds the state: an Actor is made before its first turn and may keep what it loaded. It is thrown
// away after a turn that returned an error or panicked, when the sidecar deactivates it, and when the stream to the
// sidecar breaks, because then nobody can say who owns it.
//
// Errors are failures of the infrastructure: the caller sees ErrUnavailable, and a reminder comes again. What the
// business refuses belongs into the reply.
//
// # What the host does
//
// It connects again, with back-off, when the sidecar comes late, restarts, or never answers. Turns may run in this
// process while two sidecars both think that they own the actor; actors must make their effects idempotent.
//
// Back-pressure: at most MaxTurns callbacks are in progress; further ones stay with the sidecar.
//
// Stopping is ordered. When Run's context ends, callbacks that arrive are left unanswered; those that have begun finish
// and their answers are sent; then the stream is closed by us. The sidecar then fails the unanswered ones, which have
// done nothing, and placement gives the actors to another replica. Run returns within Drain plus a second, whatever
// the sidecar and the turns do.
//
// # Debugging
//
// Each failed turn is logged once, at level warn, with actor, method and error. The stream's life is logged at info.
// Ready tells whether the sidecar hosts our actors at this moment.
package actors
