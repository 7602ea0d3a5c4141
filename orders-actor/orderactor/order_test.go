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
	cancelTea = order.Cancel{ID: id, User: "alice", By: order.ByCustomer}
)

var errCrash = errors.New("crash")

// world is everything around one order: what it wrote down, in which order, and a crash to come.
type world struct {
	removed  []string // reminders
	now      time.Time
	stored   *order.State
	viewed   *order.State
	reminder *time.Time
	pays     int
	voids    int
	steps    []string
	crashIn  int  // steps until the crash; 0: none
	after    bool // the step is done before the crash
}

// step says whether the crash comes before or after what the caller is about to do.
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
		return nil
	})
	return s, exists, err
}

func (w *world) Save(_ context.Context, s order.State) error {
	return w.step("save", func() error {
		if s.Status == order.Confirmed && w.reminder == nil {
			return errors.New("saved a confirmed order that nobody will wake")
		}
		s = s.Clone()
		w.stored = &s
		return nil
	})
}

func (w *world) Put(_ context.Context, s order.State) error {
	return w.step("put", func() error {
		if w.stored == nil || w.stored.Version < s.Version {
			return errors.New("showed what isn't durable")
		}
		if w.viewed != nil && (w.viewed.Version > s.Version || w.viewed.Version == s.Version && w.viewed.CreateCall != s.CreateCall) {
			return &order.Conflict{Held: w.viewed.Clone()}
		}
		s = s.Clone()
		w.viewed = &s
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
		if w.viewed != nil {
			s, exists = w.viewed.Clone(), true
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

// confirmed is a world with an order that is paid for.
func confirmedWorld(t require.TestingT) (*world, *orderactor.Order) {
	w := newWorld()
	o := w.activate()
	_, _, err := o.Create(context.Background(), tea)
	require.NoError(t, err)
	_, err = o.Settle(context.Background(), order.Settle{ID: id, Confirmed: true, Attempts: 1})
	require.NoError(t, err)
	return w, o
}

func TestTheHappyPathTakesNoStepTooMany(t *testing.T) {
	w, o := confirmedWorld(t)
	w.now = noon.Add(deliverAfter)
	require.NoError(t, o.Deliver(t.Context()))
	assert.Equal(t, []string{"load", "save", "put", "remind", "save", "put", "save", "put"}, w.steps)
	assert.Equal(t, 1, w.pays)
	assert.Zero(t, w.voids)
	assert.Equal(t, order.Delivered, w.viewed.Status)
	assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
}

func TestACreateIsRepeatedNotDoubled(t *testing.T) {
	w := newWorld()
	first, replayed, err := w.activate().Create(t.Context(), tea)
	require.NoError(t, err)
	assert.False(t, replayed)

	again, replayed, err := w.activate().Create(t.Context(), tea)
	require.NoError(t, err)
	assert.True(t, replayed)
	assert.Equal(t, first, again)

	for name, change := range map[string]func(*order.Create){
		"another body": func(c *order.Create) { c.Fingerprint = "g" },
		"another user": func(c *order.Create) { c.Auth.User = "bob" },
	} {
		other := tea
		change(&other)
		_, _, err := w.activate().Create(t.Context(), other)
		var refusal *order.Refusal
		require.ErrorAs(t, err, &refusal, name)
		assert.Equal(t, order.KeyReused, refusal.Code)
	}
	assert.Equal(t, 1, w.stored.Version)
}

func TestACallExecutedTwiceIsNoReplayAndStillChangedTheOrder(t *testing.T) {
	w := newWorld()
	create, again := tea, tea
	create.Call, again.Call = "first", "second"
	for _, c := range []struct {
		create   order.Create
		replayed bool
	}{{create, false}, {create, false}, {again, true}} {
		_, replayed, err := w.activate().Create(t.Context(), c.create)
		require.NoError(t, err)
		assert.Equal(t, c.replayed, replayed, c.create.Call)
	}

	cancel, late := cancelTea, cancelTea
	cancel.Call, cancel.IfVersion, late.Call = "first", 1, "second"
	for _, c := range []struct {
		cancel  order.Cancel
		changed bool
	}{{cancel, true}, {cancel, true}, {late, false}} {
		_, changed, err := w.activate().Cancel(t.Context(), c.cancel)
		require.NoError(t, err)
		assert.Equal(t, c.changed, changed, c.cancel.Call)
	}
	assert.Equal(t, 2, w.stored.Version)
}

func TestABadCreateStoresNothing(t *testing.T) {
	w := newWorld()
	bad := tea
	bad.Items = nil
	_, _, err := w.activate().Create(t.Context(), bad)
	var invalid *order.Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []string{"load"}, w.steps)
}

func TestCommandsForNoOrderAreRefusedAndItsReminderIsNot(t *testing.T) {
	w := newWorld()
	for name, f := range map[string]func(*orderactor.Order) error{
		"settle": func(o *orderactor.Order) error { _, err := o.Settle(t.Context(), order.Settle{ID: id}); return err },
		"cancel": func(o *orderactor.Order) error { _, _, err := o.Cancel(t.Context(), cancelTea); return err },
		"voided": func(o *orderactor.Order) error { _, err := o.Voided(t.Context()); return err },
		"poke":   func(o *orderactor.Order) error { _, err := o.Poke(t.Context()); return err },
	} {
		var refusal *order.Refusal
		require.ErrorAs(t, f(w.activate()), &refusal, name)
		assert.Equal(t, order.OrderNotFound, refusal.Code)
	}
	require.NoError(t, w.activate().Deliver(t.Context()))
	assert.Nil(t, w.stored)
}

func TestALatePaymentOfACancelledOrderChangesNothing(t *testing.T) {
	w := newWorld()
	o := w.activate()
	_, _, err := o.Create(t.Context(), tea)
	require.NoError(t, err)
	_, _, err = o.Cancel(t.Context(), cancelTea)
	require.NoError(t, err)
	assert.Equal(t, 1, w.voids)
	after, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true})
	require.NoError(t, err)
	assert.Equal(t, order.Cancelled, after.Status)
	assert.Equal(t, 2, after.Version)
	assert.Nil(t, w.reminder)

	_, err = o.Voided(t.Context())
	require.NoError(t, err)
	assert.False(t, w.stored.VoidOwed)
	assert.False(t, w.viewed.VoidOwed)
}

func TestFailedPaymentCallsAreShownWithoutANewVersion(t *testing.T) {
	w := newWorld()
	o := w.activate()
	_, _, err := o.Create(t.Context(), tea)
	require.NoError(t, err)
	note := order.PaymentFailed{ID: id, Attempts: 3, Error: "away"}
	for range 2 { // Dapr may execute a call twice
		noted, err := o.PaymentFailed(t.Context(), note)
		require.NoError(t, err)
		assert.Equal(t, order.Payment{Status: order.PaymentPending, Attempts: 3, LastError: "away"}, noted.Payment)
		assert.Equal(t, 1, noted.Version)
	}
	assert.Equal(t, w.stored, w.viewed)
	assert.Equal(t, 1, w.pays, "the payer is at work on it already")

	settled, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true, Attempts: 4})
	require.NoError(t, err)
	assert.Equal(t, order.Payment{Status: order.PaymentDone, Attempts: 4}, settled.Payment)
	late, err := o.PaymentFailed(t.Context(), order.PaymentFailed{ID: id, Attempts: 9, Error: "away"})
	require.NoError(t, err)
	assert.Equal(t, settled, late)
}

func TestAnEarlyReminderIsSetAgain(t *testing.T) {
	w, o := confirmedWorld(t)
	w.now, w.reminder = noon.Add(deliverAfter-time.Second), nil
	require.NoError(t, o.Deliver(t.Context()))
	assert.Equal(t, order.Confirmed, w.stored.Status)
	assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
}

// Another app can register a reminder under the name of ours, and one that repeats would fire forever.
func TestAReminderThatIsNotNeededAnyMoreIsRemoved(t *testing.T) {
	deliver := func(w *world) { require.NoError(t, w.activate().Deliver(t.Context())) }
	due := func(w *world) *world {
		w.now = noon.Add(deliverAfter)
		return w
	}
	unpaid := func() *world {
		w := newWorld()
		_, _, err := w.activate().Create(t.Context(), tea)
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
		_, _, err := w.activate().Cancel(t.Context(), cancelTea)
		require.NoError(t, err)
		return w
	}
	for name, c := range map[string]struct {
		w       *world
		removed []string
	}{
		"of an order that does not exist": {newWorld(), []string{"deliver"}},
		"of a delivered order":            {delivered(), []string{"deliver"}},
		"of a cancelled order":            {cancelled(), []string{"deliver"}},
		"not of one that is unpaid":       {unpaid(), nil},
		"not of one that is not due yet":  {confirmed(), nil},
		"not by the delivery":             {due(confirmed()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, c.w.removed)
			deliver(c.w)
			assert.Equal(t, c.removed, c.w.removed)
		})
	}
}

func TestAPokeMovesOnWhatIsStuck(t *testing.T) {
	t.Run("unpaid", func(t *testing.T) {
		w := newWorld()
		_, _, err := w.activate().Create(t.Context(), tea)
		require.NoError(t, err)
		_, err = w.activate().Poke(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, w.pays)
	})
	t.Run("overdue", func(t *testing.T) {
		w, _ := confirmedWorld(t)
		w.now = noon.Add(time.Hour)
		after, err := w.activate().Poke(t.Context())
		require.NoError(t, err)
		assert.Equal(t, order.Delivered, after.Status)
	})
	t.Run("void owed", func(t *testing.T) {
		w, o := confirmedWorld(t)
		_, _, err := o.Cancel(t.Context(), cancelTea)
		require.NoError(t, err)
		_, err = w.activate().Poke(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, w.voids)
	})
	t.Run("view behind", func(t *testing.T) {
		w, o := confirmedWorld(t)
		w.viewed = nil
		_, err := o.Poke(t.Context())
		require.NoError(t, err)
		assert.Equal(t, w.stored, w.viewed)
		assert.Equal(t, 2, w.viewed.Version)
	})
}

func TestTheViewDecidesBetweenTwoHosts(t *testing.T) {
	w, stale := confirmedWorld(t)
	w.now = noon.Add(deliverAfter)
	_, _, err := w.activate().Cancel(t.Context(), cancelTea) // by another host, and acknowledged
	require.NoError(t, err)
	won := w.stored.Clone()
	require.Equal(t, order.Cancelled, won.Status)
	// Another turn got further there.
	won.Version++
	w.stored, w.viewed = &won, &won

	require.Error(t, stale.Deliver(t.Context()), "its copy is older than what the view holds")
	assert.Equal(t, won, *w.stored, "mended")
	require.NoError(t, w.activate().Deliver(t.Context()))
	assert.Equal(t, order.Cancelled, w.stored.Status)
}

func TestAStoreThatLostAnOrderIsRepairedFromTheView(t *testing.T) {
	for name, lose := range map[string]func(w *world, first order.State){
		"lost":           func(w *world, _ order.State) { w.stored = nil },
		"an older state": func(w *world, first order.State) { w.stored = &first },
	} {
		for turnName, again := range map[string]func(o *orderactor.Order) error{
			"cancel": func(o *orderactor.Order) error { _, _, err := o.Cancel(t.Context(), cancelTea); return err },
			"poke":   func(o *orderactor.Order) error { _, err := o.Poke(t.Context()); return err },
			"settle": func(o *orderactor.Order) error {
				_, err := o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true})
				return err
			},
			"reminder": func(o *orderactor.Order) error { return o.Deliver(t.Context()) },
			"create": func(o *orderactor.Order) error {
				repeated := tea
				repeated.Call = "a later request"
				_, replayed, err := o.Create(t.Context(), repeated)
				if err == nil {
					assert.True(t, replayed)
				}
				return err
			},
		} {
			t.Run(name+", then "+turnName, func(t *testing.T) {
				w := newWorld()
				o := w.activate()
				_, _, err := o.Create(t.Context(), tea)
				require.NoError(t, err)
				first := w.stored.Clone()
				_, err = o.Settle(t.Context(), order.Settle{ID: id, Confirmed: true, Attempts: 1})
				require.NoError(t, err)
				lose(w, first)
				w.reminder = nil
				w.now = w.now.Add(time.Second)

				if again(w.activate()) != nil { // the view refused what is older: the caller repeats
					require.NoError(t, again(w.activate()))
				}
				require.NotNil(t, w.reminder, "the reminder is back")
				assert.Equal(t, noon.Add(deliverAfter), *w.reminder)
				assert.Equal(t, w.viewed, w.stored)
				assert.GreaterOrEqual(t, w.stored.Version, 2)
				assert.Equal(t, 1, w.pays, "paid for once")
			})
		}
	}
}

// A host that mends the store may put back a debt that another one has cleared, and which that one, when it hears again that
// the void arrived, has no memory of.
func TestVoidedClearsADebtThatCameBack(t *testing.T) {
	w, o := confirmedWorld(t)
	_, _, err := o.Cancel(t.Context(), cancelTea)
	require.NoError(t, err)
	owing := w.stored.Clone()
	require.True(t, owing.VoidOwed)
	_, err = o.Voided(t.Context())
	require.NoError(t, err)
	require.False(t, w.stored.VoidOwed)

	w.stored = &owing
	_, err = o.Voided(t.Context())
	require.NoError(t, err)
	assert.False(t, w.stored.VoidOwed)
}

// TestATurnMayStopAnywhere plays random turns, lets each crash before or after any of its steps, and repeats it as its
// caller would.
func TestATurnMayStopAnywhere(t *testing.T) {
	type play func(o *orderactor.Order) (order.Order, error)
	plays := map[string]func(w *world) play{
		"create": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) {
				got, _, err := o.Create(context.Background(), tea)
				return got, err
			}
		},
		"pay": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) {
				return o.Settle(context.Background(), order.Settle{ID: id, Confirmed: true, Attempts: 1})
			}
		},
		"decline": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) {
				return o.Settle(context.Background(), order.Settle{ID: id, Reason: "no funds", Attempts: 1})
			}
		},
		"cancel": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) {
				got, _, err := o.Cancel(context.Background(), cancelTea)
				return got, err
			}
		},
		"voided": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) { return o.Voided(context.Background()) }
		},
		"poke": func(*world) play {
			return func(o *orderactor.Order) (order.Order, error) { return o.Poke(context.Background()) }
		},
		"deliver": func(w *world) play {
			return func(o *orderactor.Order) (order.Order, error) {
				err := o.Deliver(context.Background())
				if err != nil || w.stored == nil {
					return order.Order{}, err
				}
				return w.stored.Order, nil
			}
		},
	}
	names := []string{"create", "pay", "decline", "cancel", "voided", "poke", "deliver"}
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
			got, err := plays[name](w)(o)
			for tries := 0; errors.Is(err, errCrash); tries++ {
				require.Less(t, tries, 2, "one crash, one repeat")
				w.crashIn = 0
				o = w.activate() // a failed turn ends the activation
				got, err = plays[name](w)(o)
			}
			w.crashIn = 0
			if refusal := (*order.Refusal)(nil); errors.As(err, &refusal) {
				continue
			}
			require.NoError(t, err)
			check(t, w, got, before)
		}
	})
}

// check is what must hold after each turn that was acknowledged.
func check(t *rapid.T, w *world, got order.Order, before *order.State) {
	require.NotNil(t, w.stored)
	require.Equal(t, w.stored.Order, got, "what is acknowledged is durable")
	require.Equal(t, w.stored, w.viewed, "and visible")
	require.Len(t, got.History, got.Version, "no gaps")
	if got.Status == order.Confirmed {
		require.NotNil(t, w.reminder)
		require.Equal(t, *got.DeliverAt, *w.reminder)
	}
	if before == nil {
		return
	}
	require.LessOrEqual(t, got.Version, before.Version+1, "a repeated turn is one transition")
	require.True(t, slices.Equal(before.History, got.History[:len(before.History)]), "history only grows")
	if before.Status.Final() {
		require.Equal(t, before.Order, got, "no way out of %s", before.Status)
	}
}
