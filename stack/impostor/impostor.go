// Package impostor is an app that registers the actor type Order, as any app with a sidecar in the namespace can, and
// acknowledges each command that placement hands to it. Tests run it beside the product: nobody may believe it.
package impostor

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"orders/orders-actor/actor"
)

// Heard is called for every command that reaches the impostor.
type Heard func(id, method string, command []byte)

// NewHost makes a host of such orders behind a sidecar.
func NewHost(sidecar *actor.Sidecar, log *slog.Logger, heard Heard) *actor.Host {
	return actor.NewHost(sidecar, actor.Config{
		Type: "Order", Log: log, Activate: func(id string) actor.Actor { return order{id, heard} },
	})
}

type order struct {
	id    string
	heard Heard
}

func (o order) Invoke(_ context.Context, method string, command []byte) ([]byte, error) {
	o.heard(o.id, method, command)
	status := map[string]string{"create": "created", "cancel": "cancelled"}[method]
	return json.Marshal(map[string]any{"changed": true, "order": map[string]any{
		"id": o.id, "customer": "alice", "status": status, "version": 2, "currency": "EUR", "createdAt": time.Now(), "updatedAt": time.Now(),
	}})
}

func (order) Remind(context.Context, string) error { return nil }
