// Package actors hosts virtual actors in Go and calls them through the Dapr sidecar. The service dials the sidecar's gRPC
// port; the sidecar does not dial the service.
//
// # What an actor is
//
// A virtual actor is an object with an id, a type and a stored state. Nothing creates or ends it: the first command or reminder activates
// it on one of the service's replicas, which placement selects, and the sidecars route further ones there. It runs one turn at a time, so its
// code needs no locks. A reminder is a turn at a later time that survives restarts.
//
// # Usage
//
// A service implements [Actor], runs a [Host] for its type, and sends commands with an [Invoker]:
//
//	// note keeps one text for a day.
//	type note struct {
//		id   string
//		dapr port // an interface with the methods Save and SetReminder of actors.Sidecar
//		seal actors.Seal
//	}
//
//	func (n *note) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
//		text, sealReply, err := n.seal.Open(method, n.id, body) // text is JSON
//		if err != nil {
//			return nil, err
//		}
//		if err := n.dapr.SetReminder(ctx, "Note", n.id, "expire", 24*time.Hour); err != nil {
//			return nil, err
//		}
//		if err := n.dapr.Save(ctx, "Note", n.id, "text", text); err != nil {
//			return nil, err
//		}
//		return sealReply([]byte("saved")), nil
//	}
//
//	func (n *note) Remind(ctx context.Context, _ string) error {
//		return n.dapr.Save(ctx, "Note", n.id, "text", "")
//	}
//
//	sidecar, err := actors.Dial("127.0.0.1:50001", "")
//	host := actors.NewHost(sidecar, actors.Config{Type: "Note", Activate: func(id string) actors.Actor {
//		return &note{id: id, dapr: sidecar, seal: seal}
//	}})
//	go host.Run(ctx)
//	notes := actors.Invoker{Sidecar: sidecar, Type: "Note", Seal: seal, Timeout: 15 * time.Second}
//	reply, err := notes.Invoke(ctx, "shopping", "write", "milk, tea")
//
// # Turns
//
// Turns of one actor do not overlap in this process. Dapr promises the same, but not after a caller's timeout and not while
// placement moves the actor, so the host locks each actor itself. Two hosts may still run a turn of the same actor at the
// same time while their sidecars disagree about its place: the effects of a turn must be idempotent.
//
// A turn that has started runs to its end. Its context has its own deadline and is not cancelled when the caller, the
// stream or the host ends.
//
// # What Dapr does not guarantee
//
//   - One host per actor: see above. If two hosts must never both succeed, let a database with a version or an ETag decide, and return
//     its conflict as the error of the turn. States of actors have no ETag.
//   - One execution per command: the sidecar, this package and the caller retry. Recognize a repeated command, and reply as before.
//   - Both or none of two effects: a turn may stop between any two. Set the reminder before the state that needs it, and let a
//     reminder without that state do nothing.
//   - Punctual reminders: they may be late, early or repeated. Look at the clock and the state. [Sidecar.SetReminder] lets the
//     scheduler retry forever; Dapr's default gives up after four failures.
//   - A known outcome: after [ErrUnavailable] the command may have been executed, or be executed later.
//   - Known callers: any app of the namespace may invoke an actor, or host its type. [Seal] keeps their commands and replies out.
//
// Package simulate runs an actor under all of these.
//
// # Activations
//
// Activate is called before an actor's first turn. The Actor that it returns may cache the actor's state. The host drops it
// after a turn that returned an error or panicked, when the sidecar deactivates the actor, and when the stream to the
// sidecar ends, since another host may then run the actor.
//
// # Errors
//
// An error of a turn means that infrastructure failed: the caller gets [ErrUnavailable], and Dapr fires the reminder again.
// An actor that rejects a command says so in its reply.
//
// # Connection and shutdown
//
// The host reconnects with backoff when the sidecar starts late, restarts or does not answer. At most MaxTurns callbacks
// are in progress; further ones wait in the sidecar.
//
// When Run's context ends, the host starts no further callbacks, finishes those in progress, sends their replies and closes
// the stream. The sidecar then fails the callbacks that were not started, and placement moves the actors to another host.
// Run returns at most a second after the Drain timeout.
//
// # Traces
//
// A turn continues the trace of the context with which the command was invoked, or the reminder set. While tracing is on (see
// package telemetry), each turn has a span, as have the wait for it, each load and save, and each reminder.
//
// # Debugging
//
// Each failed turn is logged once, as a warning with actor, method and error. Connects and disconnects are logged. Ready
// reports whether the sidecar currently routes actors to this host.
package actors
