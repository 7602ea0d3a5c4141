// Package impostor is an app without our keys that registers the actor type Order, as any app with a sidecar in the
// namespace can, and acknowledges each command that placement routes to it. Tests run it beside the product and check that
// none of its replies is accepted.
package impostor

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"orders/kit/actors"
)

// OnCommand is called for every command that reaches the impostor.
type OnCommand func(id, method string, command []byte)

// NewHost returns an actor host for the impostor's orders behind a sidecar.
func NewHost(sidecar *actors.Sidecar, log *slog.Logger, onCommand OnCommand) *actors.Host {
	return actors.NewHost(sidecar, actors.Config{
		Type: "Order", Log: log, Activate: func(id string) actors.Actor { return order{id, onCommand} },
	})
}

type order struct {
	id        string
	onCommand OnCommand
}

func (o order) Invoke(_ context.Context, method string, command []byte) ([]byte, error) {
	o.onCommand(o.id, method, command)
	status := map[string]string{"create": "created", "cancel": "cancelled"}[method]
	return json.Marshal(map[string]any{"changed": true, "order": map[string]any{
		"id": o.id, "customer": "alice", "status": status, "version": 2, "currency": "EUR", "createdAt": time.Now(), "updatedAt": time.Now(),
	}})
}

func (order) Remind(context.Context, string) error { return nil }
