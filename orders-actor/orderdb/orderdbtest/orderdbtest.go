// Package orderdbtest is the conformance suite of the order database: the rules that its users, hosts of orders and the
// reconciler, rely on. It runs on SQLite, on PostgreSQL, and on the stand-in of the simulation.
package orderdbtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
)

// DB is the part of an order database that the suite tests.
type DB interface {
	Put(ctx context.Context, s order.State) error
	Find(ctx context.Context, id string) (order.State, bool, error)
	Stuck(ctx context.Context, now time.Time, unpaidFor, overdueBy time.Duration, limit int) ([]string, error)
}

// Database is an empty order database.
type Database struct {
	DB
	// Events returns all events in the order of the event log.
	Events func() ([]order.Order, error)
}

// Run runs the suite. open returns an empty database for each test.
func Run(t *testing.T, open func(t *testing.T) Database) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Database){
		"unknown order is not found":                    testUnknownOrder,
		"older version and other content are conflicts": testConflicts,
		"copies of two releases are no conflict":        testReleases,
		"newest of any puts is stored":                  testPutsInAnyOrder,
		"stuck orders of each kind are found":           testStuck,
		"tombstone replaces the order permanently":      testTombstone,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Start is the time of the orders in tests.
var Start = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// NewOrder returns the first version of an order. Without items it has two of tea-1.
func NewOrder(t testing.TB, customer string, at time.Time, items ...order.Item) order.State {
	t.Helper()
	if len(items) == 0 {
		items = []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}}
	}
	id, err := uuid.NewV7()
	require.NoError(t, err)
	s, err := order.New(order.Create{
		ID: id.String(), Auth: order.Auth{User: customer, Role: "customer"}, Items: items, Currency: "EUR", Fingerprint: "f",
	}, at)
	require.NoError(t, err)
	return s
}

// Settled returns the version after a confirmed or declined payment. A confirmed order is due 10 s later.
func Settled(t testing.TB, s order.State, confirmed bool, at time.Time) order.State {
	t.Helper()
	next, ok := s.Settle(order.Settle{ID: s.ID, Confirmed: confirmed, Attempts: 1}, at, 10*time.Second)
	require.True(t, ok)
	return next
}

// Cancelled returns the version after a cancel by the customer. Its void is pending.
func Cancelled(t testing.TB, s order.State, at time.Time) order.State {
	t.Helper()
	next, ok, err := s.Cancel(order.Cancel{ID: s.ID, User: s.Customer, By: order.ByCustomer}, at)
	require.NoError(t, err)
	require.True(t, ok)
	return next
}

func testUnknownOrder(t *testing.T, db Database) {
	require.NoError(t, db.Put(t.Context(), NewOrder(t, "alice", Start)))
	_, found, err := db.Find(t.Context(), "another")
	require.NoError(t, err)
	require.False(t, found)
}

func testConflicts(t *testing.T, db Database) {
	first := NewOrder(t, "alice", Start)
	confirmed := Settled(t, first, true, Start.Add(time.Second))
	cancelled := Cancelled(t, first, Start.Add(2*time.Second)) // version 2 as well
	voided, _ := cancelled.Voided()

	for _, step := range []struct {
		name     string
		put      order.State
		conflict bool
		stored   order.State
	}{
		{"first version", first, false, first},
		{"same version again", first, false, first},
		{"next version", cancelled, false, cancelled},
		{"same version, void no longer pending", voided, false, voided},
		{"older version", first, true, voided},
		{"same version, other content", confirmed, true, voided},
		{"same version, void pending again", cancelled, false, cancelled},
	} {
		err := db.Put(t.Context(), step.put)
		if step.conflict {
			var conflict *order.Conflict
			require.ErrorAs(t, err, &conflict, step.name)
			require.Equal(t, step.stored, conflict.Held, step.name)
		} else {
			require.NoError(t, err, step.name)
		}
		got, found, err := db.Find(t.Context(), first.ID)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, step.stored, got, step.name)
	}
	require.Equal(t, []string{"v1", "v2"}, versions(t, db, first.ID))
}

// testReleases checks that replicas of two releases agree on a version, though the older one drops fields that it does not know
// when it stores a state.
func testReleases(t *testing.T, db Database) {
	cancelled := Cancelled(t, NewOrder(t, "alice", Start), Start.Add(time.Second))
	for i := range cancelled.History {
		cancelled.History[i].Origin = order.Origin{RequestID: "request", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	}
	older := cancelled.Clone()
	older.Schema = 0
	for i := range older.History {
		older.History[i].User, older.History[i].Origin = "", order.Origin{}
	}
	other := cancelled.Clone()
	other.History[1].RequestID = "another"

	var conflict *order.Conflict
	for _, pair := range [][2]order.State{{cancelled, older}, {older, cancelled}} {
		first, second := pair[0], pair[1]
		id := NewOrder(t, "alice", Start).ID
		first.ID, second.ID = id, id
		require.NoError(t, db.Put(t.Context(), first))
		require.NoError(t, db.Put(t.Context(), second))
		got, _, err := db.Find(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, first.History[1].RequestID, got.History[1].RequestID, "the stored copy remains")
	}
	require.NoError(t, db.Put(t.Context(), cancelled))
	require.ErrorAs(t, db.Put(t.Context(), other), &conflict)
}

// testPutsInAnyOrder checks that the highest version is stored, and that the log has each version that was the highest when
// it was put, once, in ascending order.
func testPutsInAnyOrder(t *testing.T, db Database) {
	rapid.Check(t, func(r *rapid.T) {
		first := NewOrder(t, "alice", Start)
		second := Settled(t, first, true, Start.Add(time.Second))
		third := Cancelled(t, second, Start.Add(2*time.Second))
		all := []order.State{first, second, third}
		highest, newest, logged := 0, order.State{}, []string(nil)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 2), 1, 8).Draw(r, "puts") {
			err := db.Put(context.Background(), all[i])
			if i+1 < highest {
				require.Error(r, err)
			} else {
				require.NoError(r, err)
			}
			if i+1 > highest {
				highest, newest = i+1, all[i]
				logged = append(logged, fmt.Sprintf("v%d", highest))
			}
		}
		got, found, err := db.Find(context.Background(), first.ID)
		require.NoError(r, err)
		require.True(r, found)
		require.Equal(r, newest, got)
		require.Equal(r, logged, versions(t, db, first.ID))
	})
}

// versions returns the versions of an order in the event log.
func versions(t *testing.T, db Database, id string) (all []string) {
	t.Helper()
	events, err := db.Events()
	require.NoError(t, err)
	for _, o := range events {
		if o.ID == id {
			all = append(all, fmt.Sprintf("v%d", o.Version))
		}
	}
	return all
}

// Removed returns the tombstone of a final order without a pending void.
func Removed(t testing.TB, s order.State, at time.Time) order.State {
	t.Helper()
	next, ok, err := s.Remove(order.Remove{ID: s.ID}, at)
	require.NoError(t, err)
	require.True(t, ok)
	return next
}

func testTombstone(t *testing.T, db Database) {
	first := NewOrder(t, "alice", Start)
	declined := Settled(t, first, false, Start.Add(time.Second))
	removed := Removed(t, declined, Start.Add(time.Hour))
	later := Removed(t, declined, Start.Add(2*time.Hour)) // by another host
	unknown := Removed(t, Settled(t, NewOrder(t, "bob", Start), false, Start), Start.Add(time.Hour))
	require.NoError(t, db.Put(t.Context(), first))
	require.NoError(t, db.Put(t.Context(), declined))

	for _, s := range []order.State{removed, removed, later} {
		require.NoError(t, db.Put(t.Context(), s))
	}
	for _, s := range []order.State{first, declined} {
		var conflict *order.Conflict
		require.ErrorAs(t, db.Put(t.Context(), s), &conflict)
		require.Equal(t, removed, conflict.Held)
	}
	got, found, err := db.Find(t.Context(), first.ID)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, removed, got)

	require.NoError(t, db.Put(t.Context(), unknown)) // a rebuild does so
	got, _, err = db.Find(t.Context(), unknown.ID)
	require.NoError(t, err)
	require.Equal(t, unknown, got)

	ids, err := db.Stuck(t.Context(), Start.Add(24*time.Hour), time.Second, time.Second, 10)
	require.NoError(t, err)
	require.Empty(t, ids)
	events, err := db.Events()
	require.NoError(t, err)
	for _, o := range events {
		require.NotEqual(t, order.Removed, o.Status, "a removal has no event")
	}
}

func testStuck(t *testing.T, db Database) {
	unpaid := NewOrder(t, "alice", Start)
	later := NewOrder(t, "alice", Start.Add(time.Minute))
	due := Settled(t, NewOrder(t, "alice", Start), true, Start)
	unvoided := Cancelled(t, NewOrder(t, "alice", Start), Start)
	done, _ := unvoided.Voided()
	done.ID = NewOrder(t, "alice", Start).ID
	for _, s := range []order.State{unpaid, later, due, unvoided, done} {
		require.NoError(t, db.Put(t.Context(), s))
	}

	now := Start.Add(30 * time.Second)
	ids, err := db.Stuck(t.Context(), now, 5*time.Second, 5*time.Second, 10)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{unpaid.ID, due.ID, unvoided.ID}, ids)

	ids, err = db.Stuck(t.Context(), now, 5*time.Second, 25*time.Second, 10)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{unpaid.ID, unvoided.ID}, ids, "overdue for less")

	ids, err = db.Stuck(t.Context(), now, 5*time.Second, 5*time.Second, 2)
	require.NoError(t, err)
	require.Len(t, ids, 2)
}
