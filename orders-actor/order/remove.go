package order

import (
	"math"
	"time"
)

// Removed is the status of a tombstone: what is left of an order that was removed. It is not a status of orders and clients never
// see it. A tombstone has only the id and the time of the removal. It keeps the id used, so that a repeated create with the same
// idempotency key creates no second order.
const Removed Status = "removed"

const (
	// schemaRemoved is the number of the form of tombstones. Releases that do not know it refuse them: they would misread them.
	schemaRemoved = 3
	// removedVersion is the version of tombstones. It is above that of any order, so the arbiter prefers a tombstone.
	removedVersion = math.MaxInt32
)

// Remove removes an order that is final. If Before is not zero, an order that became final at that time or later refuses.
type Remove struct {
	ID     string    `json:"id"`
	Before time.Time `json:"before,omitzero"`
}

// IsRemoved reports whether the state is a tombstone.
func (s State) IsRemoved() bool { return s.Status == Removed }

// Remove returns the tombstone of the order, or the refusal NotRemovable. It reports false if s is a tombstone already.
func (s State) Remove(c Remove, now time.Time) (State, bool, error) {
	if s.IsRemoved() {
		return s, false, nil
	}
	if !s.Removable(c.Before) {
		return s, false, s.refuse(NotRemovable, "the order is not final, has a pending void, or became final too recently")
	}
	return tombstone(s.ID, now), true, nil
}

// Removable reports whether the order is final without a pending void, and became final before a time, if that is not zero.
func (s State) Removable(before time.Time) bool {
	return s.Status.Final() && !s.VoidPending && (before.IsZero() || s.UpdatedAt.Before(before))
}

func tombstone(id string, now time.Time) State {
	return State{Schema: schemaRemoved, Order: Order{ID: id, Status: Removed, Version: removedVersion, UpdatedAt: stamp(now)}}
}
