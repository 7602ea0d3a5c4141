// Package actors hosts virtual actors in Go and calls them through the Dapr sidecar. The service dials the sidecar's gRPC
// port; the sidecar does not dial the service.
//
// # Usage
//
// A service implements [Actor], runs a [Host] for its type, and sends commands with an [Invoker]:
//
//	// note keeps one text for a day.
//	type note struct {
//		id      string
//		sidecar *actors.Sidecar
//		seal    actors.Seal
//	}
//
//	func (n *note) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
//		text, sealReply, err := n.seal.Open(method, n.id, body) // text is JSON
//		if err != nil {
//			return nil, err
//		}
//		if err := n.sidecar.SetReminder(ctx, "Note", n.id, "expire", 24*time.Hour); err != nil {
//			return nil, err
//		}
//		if err := n.sidecar.Save(ctx, "Note", n.id, "text", text); err != nil {
//			return nil, err
//		}
//		return sealReply([]byte("saved")), nil
//	}
//
//	func (n *note) Remind(ctx context.Context, _ string) error {
//		return n.sidecar.Save(ctx, "Note", n.id, "text", "")
//	}
//
//	sidecar, err := actors.Dial("127.0.0.1:50001", "")
//	host := actors.NewHost(sidecar, actors.Config{Type: "Note", Activate: func(id string) actors.Actor {
//		return &note{id: id, sidecar: sidecar, seal: seal}
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
