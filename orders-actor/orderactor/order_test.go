package orderactor_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

const (
	id           = "0198f7a0-0000-7000-8000-000000000001"
	deliverAfter = 10 * time.Second
)

var (
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	alice = order.Auth{User: "alice", Role: "customer"}
	tea   = order.Create{
		ID: id, Auth: alice, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}
	teaWithNewID = func() order.Create { c := tea; c.NewID, c.Call = true, "call"; return c }()
	cancelTea    = order.Cancel{ID: id, User: "alice", By: order.ByCustomer}
)

var errCrash = errors.New("crash")

// world implements the actor's ports for one order. It records the steps, and crashes at one of them.
type world struct {
	removed    []string // reminders
	unreadable error    // of Load
	now        time.Time
	stored     *order.State
	database   *order.State // in the order database
	reminder   *time.Time
	pays       int
	voids      int
	steps      []string
	crashIn    int  // steps until the crash; 0: none
	after      bool // crash after the effect of the step
}

// step records and executes one step, unless the crash is before it.
func (w *world) step(name string, do func() error) error {
	crash := false
	if w.crashIn > 0 {
		w.crashIn--
		crash = w.crashIn == 0
	}
	if crash && !w.after {
		return errCrash
	}
	w.steps = append(w.steps, name)
	if err := do(); err != nil {
		return err
	}
	if crash {
		return errCrash
	}
	return nil
}

func (w *world) Load(context.Context, string) (s order.State, exists bool, err error) {
	err = w.step("load", func() error {
		if w.stored != nil {
			s, exists = w.stored.Clone(), true
		}
		return w.unreadable
	})
	return s, exists, err
}

func (w *world) Save(_ context.Context, s order.State) error {
	return w.step("save", func() error {
		if s.Status == order.Confirmed && w.reminder == nil {
			return errors.New("saved a confirmed order without a reminder")
		}
		s = s.Clone()
		w.stored = &s
		return nil
	})
}

func (w *world) Put(_ context.Context, s order.State) error {
	return w.step("put", func() error {
		if s.Version > 1 && (w.stored == nil || w.stored.Version < s.Version) {
			return errors.New("put a version that is not saved")
		}
		if w.database != nil && (w.database.Version > s.Version || w.database.Version == s.Version && w.database.CreateCall != s.CreateCall) {
			return &order.Conflict{Held: w.database.Clone()}
		}
		s = s.Clone()
		w.database = &s
		return nil
	})
}

func (w *world) Remove(_ context.Context, _, name string) error {
	return w.step("unremind", func() error {
		w.removed = append(w.removed, name)
		return nil
	})
}

func (w *world) Find(context.Context, string) (s order.State, exists bool, err error) {
	err = w.step("find", func() error {
		if w.database != nil {
			s, exists = w.database.Clone(), true
		}
		return nil
	})
	return s, exists, err
}

func (w *world) Set(_ context.Context, _ string, due time.Time) error {
	return w.step("remind", func() error {
		w.reminder = &due
		return nil
	})
}

func (w *world) Pay(order.State)  { w.pays++ }
func (w *world) Void(order.State) { w.voids++ }

func (w *world) activate() *orderactor.Order {
	return orderactor.New(&orderactor.Options{
		Store: w, OrderDB: w, Reminders: w, Payer: w, Clock: func() time.Time { return w.now }, DeliverAfter: deliverAfter,
	}, id)
}

func newWorld() *world { return &world{now: noon} }

// confirmedWorld returns a world with a confirmed order.
func confirmedWorld(t require.TestingT) (*world, *orderactor.Order) {
	w := newWorld()
	o := w.activate()
	_, err := o.Create(context.Background(), tea)
	require.NoError(t, err)
	_, err = o.Settle(context.Background(), order.Settle{ID: id, Confirmed: true, Attempts: 1})
	require.NoError(t, err)
	return w, o
}

func TestDeliveredOrderTakesTheFewestSteps(t *testing.T) {
	w, o := confirmedWorld(t)
	w.now = noon.Add(deliverAfter)
	require.NoError(t, o.Deliver(t.Context()))
	assert.Equal(t, []string{"load", "save", "put", "remind", "save", "put", "save", "put"}, w.steps)
	assert.Equal(t, 1, w.pays)
	assert.Zero(t, w.voids)
	assert.Equal(t, order.Delivered, w.database.Status)
	assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
}

func TestRepeatedCreateReturnsTheSameOrder(t *testing.T) {
	w := newWorld()
	first, err := w.activate().Create(t.Context(), tea)
	require.NoError(t, err)
	assert.False(t, first.Replayed)

	again, err := w.activate().Create(t.Context(), tea)
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, first.Order, again.Order)

	for name, change := range map[string]func(*order.Create){
		"another body": func(c *order.Create) { c.Fingerprint = "g" },
		"another user": func(c *order.Create) { c.Auth.User = "bob" },
	} {
		other := tea
		change(&other)
		_, err := w.activate().Create(t.Context(), other)
		var refusal *order.Refusal
		require.ErrorAs(t, err, &refusal, name)
		assert.Equal(t, order.KeyReused, refusal.Code)
	}
	assert.Equal(t, 1, w.stored.Version)
}

func TestCallExecutedTwiceIsNoReplayAndReportsItsChange(t *testing.T) {
	w := newWorld()
	create, again := tea, tea
	create.Call, again.Call = "first", "second"
	for _, c := range []struct {
		create   order.Create
		replayed bool
	}{{create, false}, {create, false}, {again, true}} {
		got, err := w.activate().Create(t.Context(), c.create)
		require.NoError(t, err)
		assert.Equal(t, c.replayed, got.Replayed, c.create.Call)
	}

	cancel, late := cancelTea, cancelTea
	cancel.Call, cancel.IfVersion, late.Call = "first", 1, "second"
	for _, c := range []struct {
		cancel  order.Cancel
		changed bool
	}{{cancel, true}, {cancel, true}, {late, false}} {
		got, err := w.activate().Cancel(t.Context(), c.cancel)
		require.NoError(t, err)
		assert.Equal(t, c.changed, got.Changed, c.cancel.Call)
	}
	assert.Equal(t, 2, w.stored.Version)
}

func TestSecondExecutionOfACreateWithNewIDKeepsTheNewerState(t *testing.T) {
	w := newWorld()
	o := w.activate()
	first, err := o.Create(t.Context(), teaWithNewID)
	require.NoError(t, err)
	assert.Equal(t, []string{"put", "save"}, w.steps)
	cancelled, err := o.Cancel(t.Context(), cancelTea)
	require.NoError(t, err)

	w.now = noon.Add(time.Second)
	again, err := w.activate().Create(t.Context(), teaWithNewID)
	require.NoError(t, err)
	assert.False(t, again.Replayed)
	assert.Equal(t, first.Order.ID, again.Order.ID)
	assert.Equal(t, cancelled.Order, again.Order)
	assert.Equal(t, 2, w.stored.Version)
}

func TestInvalidCreateStoresNothing(t *testing.T) {
	w := newWorld()
	bad := tea
	bad.Items = nil
	_, err := w.activate().Create(t.Context(), bad)
	var invalid *order.Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []string{"load"}, w.steps)
}

func TestCommandsForAnUnknownOrderAreRefused(t *testing.T) {
	w := newWorld()
	for name, f := range map[string]func(*orderactor.Order) error{
		"settle": func(o *orderactor.Order) error { _, err := o.Settle(t.Context(), order.Settle{ID: id}); return err },
		"cancel": func(o *orderactor.Order) error { _, err := o.Cancel(t.Context(), cancelTea); return err },
		"voided": func(o *orderactor.Order) error { _, err := o.Voided(t.Context(), order.Voided{}); return err },
		"resume": func(o *orderactor.Order) error { _, err := o.Resume(t.Context(), order.Resume{}); return err },
	} {
		var refusal *order.Refusal
		require.ErrorAs(t, f(w.activate()), &refusal, name)
		assert.Equal(t, order.OrderNotFound, refusal.Code)
	}
	require.NoError(t, w.activate().Deliver(t.Context()))
	assert.Nil(t, w.stored)
}

func TestPaymentAfterCancelChangesNothing(t *testing.T) {
	w := newWorld()
	o := w.activate()
	_, err := o.Create(t.Context(), tea)
	require.NoError(t, err)
	_, err = o.Cancel(t.Context(), cancelTea)
	require.NoError(t, err)
	assert.Equal(t, 1, w.voids)
	after, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true})
	require.NoError(t, err)
	assert.Equal(t, order.Cancelled, after.Order.Status)
	assert.Equal(t, 2, after.Order.Version)
	assert.Nil(t, w.reminder)

	_, err = o.Voided(t.Context(), order.Voided{})
	require.NoError(t, err)
	assert.False(t, w.stored.VoidPending)
	assert.False(t, w.database.VoidPending)
}

func TestFailedPaymentCallsAreStoredWithoutANewVersion(t *testing.T) {
	w := newWorld()
	o := w.activate()
	_, err := o.Create(t.Context(), tea)
	require.NoError(t, err)
	report := order.PaymentFailed{ID: id, Attempts: 3, Error: "unavailable"}
	for range 2 { // Dapr may execute a call twice
		got, err := o.PaymentFailed(t.Context(), report)
		require.NoError(t, err)
		assert.Equal(t, order.Payment{Status: order.PaymentPending, Attempts: 3, LastError: "unavailable", LastErrorAt: w.now}, got.Order.Payment)
		assert.Equal(t, 1, got.Order.Version)
	}
	assert.Equal(t, w.stored, w.database)
	assert.Equal(t, 1, w.pays, "the payer is still working on it")

	settled, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true, Attempts: 4})
	require.NoError(t, err)
	assert.Equal(t, order.Payment{Status: order.PaymentDone, Attempts: 4, LastError: "unavailable", LastErrorAt: w.now}, settled.Order.Payment)
	late, err := o.PaymentFailed(t.Context(), order.PaymentFailed{ID: id, Attempts: 9, Error: "unavailable"})
	require.NoError(t, err)
	assert.Equal(t, settled, late)
}

// A state of a newer release fails every turn, so that its callers retry until a replica of that release runs the order.
func TestStateOfANewerReleaseIsLeftAlone(t *testing.T) {
	w := newWorld()
	w.unreadable = order.ErrNewerSchema
	for name, turn := range map[string]func(o *orderactor.Order) error{
		"create": func(o *orderactor.Order) error { _, err := o.Create(t.Context(), tea); return err },
		"cancel": func(o *orderactor.Order) error { _, err := o.Cancel(t.Context(), cancelTea); return err },
		"settle": func(o *orderactor.Order) error { _, err := o.Settle(t.Context(), order.Settle{ID: id}); return err },
		"resume": func(o *orderactor.Order) error { _, err := o.Resume(t.Context(), order.Resume{}); return err },
		"remind": func(o *orderactor.Order) error { return o.Deliver(t.Context()) },
	} {
		w.steps = nil
		require.ErrorIs(t, turn(w.activate()), order.ErrNewerSchema, name)
		assert.Equal(t, []string{"load"}, w.steps, name)
	}
}

func TestEarlyReminderIsSetAgain(t *testing.T) {
	w, o := confirmedWorld(t)
	w.now, w.reminder = noon.Add(deliverAfter-time.Second), nil
	require.NoError(t, o.Deliver(t.Context()))
	assert.Equal(t, order.Confirmed, w.stored.Status)
	assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
}

// Another app can replace our reminder with one that repeats forever.
func TestReminderIsRemovedWhenNotNeeded(t *testing.T) {
	deliver := func(w *world) { require.NoError(t, w.activate().Deliver(t.Context())) }
	due := func(w *world) *world {
		w.now = noon.Add(deliverAfter)
		return w
	}
	unpaid := func() *world {
		w := newWorld()
		_, err := w.activate().Create(t.Context(), tea)
		require.NoError(t, err)
		return w
	}
	confirmed := func() *world {
		w, _ := confirmedWorld(t)
		return w
	}
	delivered := func() *world {
		w := due(confirmed())
		deliver(w)
		require.Equal(t, order.Delivered, w.stored.Status)
		return w
	}
	cancelled := func() *world {
		w := confirmed()
		_, err := w.activate().Cancel(t.Context(), cancelTea)
		require.NoError(t, err)
		return w
	}
	for name, c := range map[string]struct {
		w       *world
		removed []string
	}{
		"unknown order":       {newWorld(), []string{"deliver"}},
		"delivered order":     {delivered(), []string{"deliver"}},
		"cancelled order":     {cancelled(), []string{"deliver"}},
		"kept: unpaid order":  {unpaid(), nil},
		"kept: order not due": {confirmed(), nil},
		"kept: order due":     {due(confirmed()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, c.w.removed)
			deliver(c.w)
			assert.Equal(t, c.removed, c.w.removed)
		})
	}
}

func TestResumeContinuesStuckOrders(t *testing.T) {
	t.Run("unpaid", func(t *testing.T) {
		w := newWorld()
		_, err := w.activate().Create(t.Context(), tea)
		require.NoError(t, err)
		_, err = w.activate().Resume(t.Context(), order.Resume{})
		require.NoError(t, err)
		assert.Equal(t, 2, w.pays)
	})
	t.Run("overdue", func(t *testing.T) {
		w, _ := confirmedWorld(t)
		w.now = noon.Add(time.Hour)
		after, err := w.activate().Resume(t.Context(), order.Resume{})
		require.NoError(t, err)
		assert.Equal(t, order.Delivered, after.Order.Status)
	})
	t.Run("void pending", func(t *testing.T) {
		w, o := confirmedWorld(t)
		_, err := o.Cancel(t.Context(), cancelTea)
		require.NoError(t, err)
		_, err = w.activate().Resume(t.Context(), order.Resume{})
		require.NoError(t, err)
		assert.Equal(t, 2, w.voids)
	})
	t.Run("without a reminder", func(t *testing.T) {
		w, _ := confirmedWorld(t)
		w.reminder = nil
		_, err := w.activate().Resume(t.Context(), order.Resume{})
		require.NoError(t, err)
		require.NotNil(t, w.reminder)
		assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
	})
	t.Run("not in the order database", func(t *testing.T) {
		w, o := confirmedWorld(t)
		w.database = nil
		_, err := o.Resume(t.Context(), order.Resume{})
		require.NoError(t, err)
		assert.Equal(t, w.stored, w.database)
		assert.Equal(t, 2, w.database.Version)
	})
}

func TestOrderDatabaseDecidesBetweenTwoHosts(t *testing.T) {
	w, stale := confirmedWorld(t)
	w.now = noon.Add(deliverAfter)
	_, err := w.activate().Cancel(t.Context(), cancelTea) // on another host
	require.NoError(t, err)
	newer := w.stored.Clone()
	require.Equal(t, order.Cancelled, newer.Status)
	newer.Version++ // by another turn there
	w.stored, w.database = &newer, &newer

	require.Error(t, stale.Deliver(t.Context()), "its version is older than that of the order database")
	assert.Equal(t, newer, *w.stored, "restored")
	require.NoError(t, w.activate().Deliver(t.Context()))
	assert.Equal(t, order.Cancelled, w.stored.Status)
}

func TestLostStateIsRestoredFromTheOrderDatabase(t *testing.T) {
	for name, lose := range map[string]func(w *world, first order.State){
		"lost":           func(w *world, _ order.State) { w.stored = nil },
		"an older state": func(w *world, first order.State) { w.stored = &first },
	} {
		for turnName, again := range map[string]func(o *orderactor.Order) error{
			"cancel": func(o *orderactor.Order) error { _, err := o.Cancel(t.Context(), cancelTea); return err },
			"resume": func(o *orderactor.Order) error { _, err := o.Resume(t.Context(), order.Resume{}); return err },
			"settle": func(o *orderactor.Order) error {
				_, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true})
				return err
			},
			"reminder": func(o *orderactor.Order) error { return o.Deliver(t.Context()) },
			"create": func(o *orderactor.Order) error {
				repeated := tea
				repeated.Call = "a later request"
				got, err := o.Create(t.Context(), repeated)
				if err == nil {
					assert.True(t, got.Replayed)
				}
				return err
			},
		} {
			t.Run(name+", then "+turnName, func(t *testing.T) {
				w := newWorld()
				o := w.activate()
				_, err := o.Create(t.Context(), tea)
				require.NoError(t, err)
				first := w.stored.Clone()
				_, err = o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true, Attempts: 1})
				require.NoError(t, err)
				lose(w, first)
				w.reminder = nil
				w.now = w.now.Add(time.Second)

				if again(w.activate()) != nil { // the order database rejected the older version: the caller retries
					require.NoError(t, again(w.activate()))
				}
				require.NotNil(t, w.reminder, "the reminder is set again")
				assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
				assert.Equal(t, w.database, w.stored)
				assert.GreaterOrEqual(t, w.stored.Version, 2)
				assert.Equal(t, 1, w.pays, "no second payment")
			})
		}
	}
}

// A host that restores the store may make a void pending again that another host has stored as done. That host does not know
// this when the report is repeated.
func TestRepeatedVoidedClearsAPendingVoidThatWasRestored(t *testing.T) {
	w, o := confirmedWorld(t)
	_, err := o.Cancel(t.Context(), cancelTea)
	require.NoError(t, err)
	restored := w.stored.Clone()
	require.True(t, restored.VoidPending)
	_, err = o.Voided(t.Context(), order.Voided{})
	require.NoError(t, err)
	require.False(t, w.stored.VoidPending)

	w.stored = &restored
	_, err = o.Voided(t.Context(), order.Voided{})
	require.NoError(t, err)
	assert.False(t, w.stored.VoidPending)
}

// The test runs random turns. Each may crash before or after any of its steps, and is retried as by its caller.
func TestTurnMayCrashAtAnyStep(t *testing.T) {
	ctx := context.Background()
	turns := map[string]func(w *world, o *orderactor.Order) (orderactor.Result, error){
		"create": func(_ *world, o *orderactor.Order) (orderactor.Result, error) { return o.Create(ctx, tea) },
		"pay": func(_ *world, o *orderactor.Order) (orderactor.Result, error) {
			return o.Settle(ctx, order.Settle{ID: id, Confirmed: true, Attempts: 1})
		},
		"decline": func(_ *world, o *orderactor.Order) (orderactor.Result, error) {
			return o.Settle(ctx, order.Settle{ID: id, Reason: "no funds", Attempts: 1})
		},
		"cancel": func(_ *world, o *orderactor.Order) (orderactor.Result, error) { return o.Cancel(ctx, cancelTea) },
		"voided": func(_ *world, o *orderactor.Order) (orderactor.Result, error) { return o.Voided(ctx, order.Voided{}) },
		"resume": func(_ *world, o *orderactor.Order) (orderactor.Result, error) { return o.Resume(ctx, order.Resume{}) },
		"deliver": func(w *world, o *orderactor.Order) (orderactor.Result, error) {
			err := o.Deliver(ctx)
			if err != nil || w.stored == nil {
				return orderactor.Result{}, err
			}
			return orderactor.Result{Order: w.stored.Order}, nil
		},
	}
	names := []string{"create", "pay", "decline", "cancel", "voided", "resume", "deliver"}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		o := w.activate()
		for n := range rapid.IntRange(1, 8).Draw(t, "turns") {
			name := "create"
			if n > 0 {
				name = rapid.SampledFrom(names).Draw(t, "turn")
			}
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "seconds")) * time.Second)
			w.crashIn = rapid.IntRange(0, 5).Draw(t, "crash in")
			w.after = rapid.Bool().Draw(t, "after")
			var before *order.State
			if w.stored != nil {
				s := w.stored.Clone()
				before = &s
			}
			got, err := turns[name](w, o)
			for tries := 0; errors.Is(err, errCrash); tries++ {
				require.Less(t, tries, 2, "one crash, one retry")
				w.crashIn = 0
				o = w.activate() // a failed turn ends the activation
				got, err = turns[name](w, o)
			}
			w.crashIn = 0
			if refusal := (*order.Refusal)(nil); errors.As(err, &refusal) {
				continue
			}
			require.NoError(t, err)
			check(t, w, got.Order, before)
		}
	})
}

// check asserts the invariants after a turn that replied.
func check(t *rapid.T, w *world, got order.Order, before *order.State) {
	require.NotNil(t, w.stored)
	require.Equal(t, w.stored.Order, got, "the replied state is saved")
	require.Equal(t, w.stored, w.database, "and in the order database")
	require.Len(t, got.History, got.Version, "no gaps")
	if got.Status == order.Confirmed {
		require.NotNil(t, w.reminder)
		require.Equal(t, *got.DeliverAt, *w.reminder)
	}
	if before == nil {
		return
	}
	require.LessOrEqual(t, got.Version, before.Version+1, "a retried turn makes one transition")
	require.True(t, slices.Equal(before.History, got.History[:len(before.History)]), "the history is append-only")
	if before.Status.Final() {
		require.Equal(t, before.Order, got, "%s has no transition", before.Status)
	}
}
