package order

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Schema is the number of the form in which this release stores states. States without a number have schema 1.
//
// An optional field needs no new number: older releases ignore it, and drop it when they store the order again. The number is
// raised when stored states must be upcast, or when an older release would misinterpret the new form: it refuses a higher
// number. So that replicas of two releases can run side by side, a release reads the new form before the next one writes it.
// See ADR 0807. Tombstones have a number of their own, see Removed.
const Schema = 2

// ErrNewerSchema means that a state was stored by a newer release. It must not be changed by this one.
var ErrNewerSchema = errors.New("stored by a newer release")

// upcasters turn a state of the schema that is their key into the next one.
var upcasters = map[int]func(*State){
	1: nameUsers,
}

// Decode decodes a stored state of any release up to this one. Otherwise it returns an error that wraps ErrNewerSchema.
func Decode(data []byte) (s State, _ error) {
	type plain State
	err := json.Unmarshal(data, (*plain)(&s))
	isTombstone := s.Schema == schemaRemoved && s.IsRemoved()
	if s.Schema > Schema && !isTombstone { // this is also why other fields may not be decoded
		return State{}, fmt.Errorf("order %s has schema %d, and this release knows %d: %w", s.ID, s.Schema, Schema, ErrNewerSchema)
	}
	if err != nil {
		return State{}, err
	}
	if isTombstone {
		return s, nil
	}
	for s.Schema = max(s.Schema, 1); s.Schema < Schema; s.Schema++ {
		upcasters[s.Schema](&s)
	}
	return s, nil
}

// UnmarshalJSON is Decode, so that no state is decoded in another way.
func (s *State) UnmarshalJSON(data []byte) (err error) {
	*s, err = Decode(data)
	return err
}

// nameUsers fills in the users that follow from the order: it was created by its customer, and customers cancel only their own
// orders. The operators who cancelled orders are unknown.
func nameUsers(s *State) {
	for i := range s.History {
		if e := &s.History[i]; e.Version == 1 || e.By == ByCustomer {
			e.User = s.Customer
		}
	}
}

// SameVersion reports whether a and b are copies of one version of an order. Copies may differ in their notes (see
// WithoutNotes), and in fields that only newer releases store: an older one drops them when it stores the order.
func SameVersion(a, b State) (bool, error) {
	a, b = a.WithoutNotes().Clone(), b.WithoutNotes().Clone()
	a.Schema, b.Schema = 0, 0
	compareIfBoth(&a.CreateCall, &b.CreateCall)
	compareIfBoth(&a.CancelCall, &b.CancelCall)
	compareIfBoth(&a.Trace, &b.Trace)
	for i := range min(len(a.History), len(b.History)) {
		e, f := &a.History[i], &b.History[i]
		compareIfBoth(&e.User, &f.User)
		compareIfBoth(&e.RequestID, &f.RequestID)
		compareIfBoth(&e.TraceID, &f.TraceID)
	}
	left, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	right, err := json.Marshal(b)
	return string(left) == string(right), err
}

// compareIfBoth clears both values if one is empty.
func compareIfBoth(a, b *string) {
	if *a == "" || *b == "" {
		*a, *b = "", ""
	}
}
