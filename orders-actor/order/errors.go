package order

import (
	"fmt"
	"strings"
)

// Code names a refusal; programs may rely on it.
type Code string

// The refusals.
const (
	OrderNotFound    Code = "order-not-found"
	AlreadyDelivered Code = "already-delivered"
	VersionMismatch  Code = "version-mismatch"
	KeyReused        Code = "idempotency-key-reused"
	Forbidden        Code = "forbidden"
)

// Refusal is a command that the order's state doesn't allow. Status and Version say what won, where that may be told.
type Refusal struct {
	Code    Code   `json:"code"`
	Detail  string `json:"detail"`
	Status  Status `json:"status,omitempty"`
	Version int    `json:"version,omitempty"`
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code, r.Detail) }

// NotFound refuses without telling whether the order exists.
func NotFound() *Refusal { return &Refusal{Code: OrderNotFound, Detail: "there is no such order"} }

func (s State) refuse(code Code, detail string) *Refusal {
	return &Refusal{Code: code, Detail: detail, Status: s.Status, Version: s.Version}
}

// FieldError says what is wrong with one field. Field is a path such as "items[2].quantity".
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Invalid lists everything that is wrong with an input.
type Invalid struct{ Fields []FieldError }

func (e *Invalid) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return "invalid order: " + strings.Join(parts, "; ")
}

// Conflict says that the view holds another or a newer version than the one put: two replicas ran turns of the same
// order while it moved between them. Held stands, because it may have been acknowledged already.
type Conflict struct{ Held State }

func (c *Conflict) Error() string {
	return fmt.Sprintf("version %d %s of order %s got there first", c.Held.Version, c.Held.Status, c.Held.ID)
}
