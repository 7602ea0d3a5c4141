package orderactor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"orders/kit/gentest"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
)

func TestMockIsGenerated(t *testing.T) { gentest.Fresh(t, "mock_test.go") }

var due = noon.Add(deliverAfter)

// ports are mocks of everything that a turn calls.
type ports struct {
	store     *MockStore
	orderDB   *MockOrderDB
	reminders *MockReminders
	payer     *MockPayer
}

// activate returns an Order on the ports, at the time at which a confirmed order is due.
func (p ports) activate() *orderactor.Order {
	return orderactor.New(&orderactor.Options{
		Store: p.store, OrderDB: p.orderDB, Reminders: p.reminders, Payer: p.payer,
		Clock: func() time.Time { return due }, DeliverAfter: deliverAfter,
	}, id)
}

// step is one call of a turn. expect makes the call fail if err is not nil.
type step struct {
	name   string
	expect func(p ports, err error) *gomock.Call
}

func version(status order.Status, n int) gomock.Matcher {
	return gomock.Cond(func(s order.State) bool { return s.ID == id && s.Status == status && s.Version == n })
}

func load(s *order.State) step {
	return step{"load", func(p ports, err error) *gomock.Call {
		if s == nil || err != nil {
			return p.store.EXPECT().Load(gomock.Any(), id).Return(order.State{}, false, err)
		}
		return p.store.EXPECT().Load(gomock.Any(), id).Return(s.Clone(), true, nil)
	}}
}

func find(s order.State) step {
	return step{"find", func(p ports, err error) *gomock.Call {
		return p.orderDB.EXPECT().Find(gomock.Any(), id).Return(s.Clone(), err == nil, err)
	}}
}

func remind(at time.Time) step {
	return step{"remind", func(p ports, err error) *gomock.Call {
		return p.reminders.EXPECT().Set(gomock.Any(), id, at).Return(err)
	}}
}

func save(status order.Status, n int) step {
	return step{"save", func(p ports, err error) *gomock.Call {
		return p.store.EXPECT().Save(gomock.Any(), version(status, n)).Return(err)
	}}
}

func put(status order.Status, n int) step {
	return step{"put", func(p ports, err error) *gomock.Call {
		return p.orderDB.EXPECT().Put(gomock.Any(), version(status, n)).Return(err)
	}}
}

func unremind() step {
	return step{"unremind", func(p ports, err error) *gomock.Call {
		return p.reminders.EXPECT().Remove(gomock.Any(), id, "deliver").Return(err)
	}}
}

// conflict is a put that the order database rejects.
func conflict(held order.State) step {
	return step{"conflict", func(p ports, err error) *gomock.Call {
		if err == nil {
			err = &order.Conflict{Held: held}
		}
		return p.orderDB.EXPECT().Put(gomock.Any(), gomock.Any()).Return(err)
	}}
}

// pay and void cannot fail.
func pay() step {
	return step{"pay", func(p ports, _ error) *gomock.Call { return p.payer.EXPECT().Pay(version(order.Created, 1)) }}
}

func void(n int) step {
	return step{"void", func(p ports, _ error) *gomock.Call { return p.payer.EXPECT().Void(version(order.Cancelled, n)) }}
}

// Each turn is run once without an error, and once with an error of each step, which must be returned and be the last call:
// the mocks fail on any further call.
func TestTurnExecutesItsStepsInSequenceUntilOneFails(t *testing.T) {
	created, err := order.New(tea, noon)
	require.NoError(t, err)
	confirmed, _ := created.Settle(order.Settle{ID: id, Confirmed: true}, noon, deliverAfter)
	waiting, _ := created.Settle(order.Settle{ID: id, Confirmed: true}, due, deliverAfter)
	cancelled, _, err := confirmed.Cancel(cancelTea, noon)
	require.NoError(t, err)
	delivered, _ := confirmed.Deliver(due)
	removed, _, err := delivered.Remove(order.Remove{ID: id}, due)
	require.NoError(t, err)
	pay, remindNow := pay(), remind(due.Add(deliverAfter)) // a confirmation at the time due

	for name, c := range map[string]struct {
		turn  func(ctx context.Context, o *orderactor.Order) error
		steps []step
	}{
		"create": {
			func(ctx context.Context, o *orderactor.Order) error { _, err := o.Create(ctx, tea); return err },
			[]step{load(nil), save(order.Created, 1), put(order.Created, 1), pay},
		},
		"create with a new id": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Create(ctx, teaWithNewID)
				return err
			},
			[]step{put(order.Created, 1), save(order.Created, 1), pay},
		},
		"create with a new id, executed again after it stopped before its save": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Create(ctx, teaWithNewID)
				return err
			},
			[]step{conflict(created), load(nil), find(created), save(order.Created, 1), put(order.Created, 1), pay},
		},
		"create again": {
			func(ctx context.Context, o *orderactor.Order) error { _, err := o.Create(ctx, tea); return err },
			[]step{load(&created), put(order.Created, 1), put(order.Created, 1), pay},
		},
		"confirm": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Settle(ctx, order.Settle{ID: id, Confirmed: true})
				return err
			},
			[]step{load(&created), put(order.Created, 1), remindNow, save(order.Confirmed, 2), put(order.Confirmed, 2)},
		},
		"decline": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Settle(ctx, order.Settle{ID: id, Reason: "no funds"})
				return err
			},
			[]step{load(&created), put(order.Created, 1), save(order.Cancelled, 2), put(order.Cancelled, 2)},
		},
		"payment failed": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.PaymentFailed(ctx, order.PaymentFailed{ID: id, Attempts: 1, Error: "unavailable"})
				return err
			},
			[]step{load(&created), put(order.Created, 1), save(order.Created, 1), put(order.Created, 1)},
		},
		"cancel": {
			func(ctx context.Context, o *orderactor.Order) error { _, err := o.Cancel(ctx, cancelTea); return err },
			[]step{load(&confirmed), put(order.Confirmed, 2), save(order.Cancelled, 3), put(order.Cancelled, 3), void(3)},
		},
		"voided": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Voided(ctx, order.Voided{})
				return err
			},
			[]step{load(&cancelled), put(order.Cancelled, 3), save(order.Cancelled, 3), put(order.Cancelled, 3)},
		},
		"resume before the order is due": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Resume(ctx, order.Resume{})
				return err
			},
			[]step{load(&waiting), put(order.Confirmed, 2), remindNow, put(order.Confirmed, 2)},
		},
		"resume with a pending void": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Resume(ctx, order.Resume{})
				return err
			},
			[]step{load(&cancelled), put(order.Cancelled, 3), put(order.Cancelled, 3), void(3)},
		},
		"deliver": {
			func(ctx context.Context, o *orderactor.Order) error { return o.Deliver(ctx) },
			[]step{load(&confirmed), put(order.Confirmed, 2), save(order.Delivered, 3), put(order.Delivered, 3)},
		},
		"remove": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Remove(ctx, order.Remove{ID: id})
				return err
			},
			[]step{load(&delivered), put(order.Delivered, 3), save(order.Removed, removed.Version), put(order.Removed, removed.Version)},
		},
		"remove again, after it stopped before its put": {
			func(ctx context.Context, o *orderactor.Order) error {
				_, err := o.Remove(ctx, order.Remove{ID: id})
				return err
			},
			[]step{load(&removed), put(order.Removed, removed.Version), put(order.Removed, removed.Version)},
		},
		"the reminder of a removed order": {
			func(ctx context.Context, o *orderactor.Order) error { return o.Deliver(ctx) },
			[]step{load(&removed), put(order.Removed, removed.Version), unremind()},
		},
		"deliver after the store lost the order": {
			func(ctx context.Context, o *orderactor.Order) error { return o.Deliver(ctx) },
			[]step{
				load(nil), find(confirmed), remind(due), save(order.Confirmed, 2),
				save(order.Delivered, 3), put(order.Delivered, 3),
			},
		},
	} {
		for failing := range len(c.steps) + 1 {
			steps, failure := c.steps, error(nil)
			label := name + " succeeds"
			if failing < len(c.steps) {
				steps, failure = c.steps[:failing+1], errors.New("failed step")
				label = fmt.Sprintf("%s fails at step %d, %s", name, failing+1, c.steps[failing].name)
			}
			if last := steps[len(steps)-1].name; failure != nil && (last == "pay" || last == "void") {
				continue
			}
			t.Run(label, func(t *testing.T) {
				ctrl := gomock.NewController(t)
				p := ports{NewMockStore(ctrl), NewMockOrderDB(ctrl), NewMockReminders(ctrl), NewMockPayer(ctrl)}
				var calls []any
				for i, s := range steps {
					var err error
					if i == failing {
						err = failure
					}
					calls = append(calls, s.expect(p, err))
				}
				gomock.InOrder(calls...)
				require.ErrorIs(t, c.turn(t.Context(), p.activate()), failure)
			})
		}
	}
}

func TestConflictRestoresTheStoreAndFailsTheTurn(t *testing.T) {
	created, err := order.New(tea, noon)
	require.NoError(t, err)
	confirmed, _ := created.Settle(order.Settle{ID: id, Confirmed: true}, noon, deliverAfter)
	ctrl := gomock.NewController(t)
	p := ports{NewMockStore(ctrl), NewMockOrderDB(ctrl), NewMockReminders(ctrl), NewMockPayer(ctrl)}
	gomock.InOrder(
		load(&created).expect(p, nil),
		put(order.Created, 1).expect(p, &order.Conflict{Held: confirmed}),
		remind(due).expect(p, nil),
		save(order.Confirmed, 2).expect(p, nil),
	)
	_, err = p.activate().Cancel(t.Context(), cancelTea)
	var conflict *order.Conflict
	require.ErrorAs(t, err, &conflict)
}
