package order

import (
	"fmt"
	"strings"
)

// Code identifies a refusal. Codes are part of the API.
type Code string

// The refusals.
const (
	OrderNotFound    Code = "order-not-found"
	AlreadyDelivered Code = "already-delivered"
	VersionMismatch  Code = "version-mismatch"
	KeyReused        Code = "idempotency-key-reused"
	Forbidden        Code = "forbidden"
	OrderRemoved     Code = "order-removed"
	NotRemovable     Code = "not-removable" // not part of the API
)

// Refusal is the outcome of a command that a business rule does not allow. Status and Version are those of the order, if the
// caller may know them.
type Refusal struct {
	Code    Code   `json:"code"`
	Detail  string `json:"detail"`
	Status  Status `json:"status,omitempty"`
	Version int    `json:"version,omitempty"`
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code, r.Detail) }

// NotFound returns the refusal for an order that does not exist, or that the user may not see.
func NotFound() *Refusal { return &Refusal{Code: OrderNotFound, Detail: "there is no such order"} }

// NotForOthers returns the refusal for a customer who creates an order for another one.
func NotForOthers() *Refusal {
	return &Refusal{Code: Forbidden, Detail: "only an operator may create an order for another customer"}
}

func (s State) refuse(code Code, detail string) *Refusal {
	return &Refusal{Code: code, Detail: detail, Status: s.Status, Version: s.Version}
}

// FieldError describes one invalid field. Field is a path such as "items[2].quantity".
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Invalid is an input with its invalid fields.
type Invalid struct{ Fields []FieldError }

func (e *Invalid) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return "invalid order: " + strings.Join(parts, "; ")
}

// Conflict reports that the order database holds a newer version than the one put, or other content of the same version: two
// hosts have run the order while placement moved it. Held remains, because a reply may have reported it.
type Conflict struct{ Held State }

func (c *Conflict) Error() string {
	return fmt.Sprintf("conflict: the order database holds version %d (%s) of order %s", c.Held.Version, c.Held.Status, c.Held.ID)
}
