package payment_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/payments-svc/payment"
	"orders/payments-svc/payment/paymenttest"
)

var (
	ask   = payment.Request{OrderID: "order-1", Amount: 900, Currency: "EUR"}
	now   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	later = now.Add(time.Hour)
)

func always(answer bool) func() bool { return func() bool { return answer } }

func desk(store payment.Store, confirm bool) *payment.Service {
	return &payment.Service{Store: store, Confirm: always(confirm), Now: func() time.Time { return now }}
}

func TestDecisions(t *testing.T) {
	confirmed, _, err := payment.Payment{}.Pay(ask, now, always(true))
	require.NoError(t, err)
	declined, _, err := payment.Payment{}.Pay(ask, now, always(false))
	require.NoError(t, err)
	mark, _, err := payment.Payment{}.Void(ask, now)
	require.NoError(t, err)
	charge, undone := payment.Entry{Kind: payment.Charged, Amount: 900, At: now}, payment.Entry{Kind: payment.Undone, Amount: 900, At: later}

	pay := func(p payment.Payment) (payment.Payment, bool, error) {
		return p.Pay(ask, later, func() bool { panic("decided twice") })
	}
	void := func(p payment.Payment) (payment.Payment, bool, error) { return p.Void(ask, later) }
	for name, test := range map[string]struct {
		from    payment.Payment
		do      func(payment.Payment) (payment.Payment, bool, error)
		changed bool
		status  payment.Status
		answer  payment.Status
		reason  string
		entries []payment.Entry
	}{
		"a confirmed payment again":       {confirmed, pay, false, payment.Confirmed, payment.Confirmed, "", []payment.Entry{charge}},
		"a declined payment again":        {declined, pay, false, payment.Declined, payment.Declined, payment.ReasonRefused, []payment.Entry{}},
		"a payment after the void":        {mark, pay, false, payment.Voided, payment.Declined, payment.ReasonVoided, mark.Entries},
		"a void of a confirmed payment":   {confirmed, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{charge, undone}},
		"a void of a declined payment":    {declined, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{undone}},
		"a void of what nobody asked for": {payment.Payment{}, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{undone}},
		"a void again":                    {mark, void, false, payment.Voided, payment.Declined, payment.ReasonVoided, mark.Entries},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed, err := test.do(test.from)
			require.NoError(t, err)
			assert.Equal(t, test.changed, changed)
			assert.Equal(t, test.status, got.Status)
			assert.Equal(t, test.answer, got.Answer().Status)
			assert.Equal(t, test.reason, got.Answer().Reason)
			assert.Equal(t, test.entries, got.Entries)
			if test.from.Status != "" {
				assert.Equal(t, now, got.DecidedAt)
			}
		})
	}
}

func TestAnotherAmountOrCurrencyIsRefused(t *testing.T) {
	for _, other := range []payment.Request{
		{OrderID: "order-1", Amount: 901, Currency: "EUR"},
		{OrderID: "order-1", Amount: 900, Currency: "USD"},
	} {
		d := desk(&paymenttest.Store{}, true)
		_, err := d.Pay(t.Context(), ask)
		require.NoError(t, err)
		_, err = d.Pay(t.Context(), other)
		require.ErrorIs(t, err, payment.ErrMismatch)
		_, err = d.Void(t.Context(), other)
		require.ErrorIs(t, err, payment.ErrMismatch)
	}
}

func TestFind(t *testing.T) {
	d := desk(&paymenttest.Store{}, true)
	_, err := d.Find(t.Context(), ask.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound)
	paid, err := d.Pay(t.Context(), ask)
	require.NoError(t, err)
	found, err := d.Find(t.Context(), ask.OrderID)
	require.NoError(t, err)
	require.Equal(t, paid, found)
}

// contested is a store to which others write between each load and save, or that fails.
type contested struct {
	paymenttest.Store
	before func(tries int)
	tries  int
}

func (s *contested) Save(ctx context.Context, p payment.Payment, version string) error {
	s.tries++
	s.before(s.tries)
	return s.Store.Save(ctx, p, version)
}

func TestWhoLosesAnswersWhatWon(t *testing.T) {
	s := &contested{}
	s.before = func(int) {
		_, err := desk(&s.Store, false).Pay(t.Context(), ask)
		require.NoError(t, err)
	}
	p, err := desk(s, true).Pay(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, payment.Declined, p.Status)
}

type alwaysLost struct{ paymenttest.Store }

func (*alwaysLost) Save(context.Context, payment.Payment, string) error { return payment.ErrConflict }

func TestTriesAreBounded(t *testing.T) {
	_, err := desk(&alwaysLost{}, true).Pay(t.Context(), ask)
	require.ErrorIs(t, err, payment.ErrConflict)
}

func TestAFailedStoreDecidesNothing(t *testing.T) {
	var s paymenttest.Store
	away := errors.New("away")
	s.Fail(away)
	_, err := desk(&s, true).Pay(t.Context(), ask)
	require.ErrorIs(t, err, away)
	s.Fail(nil)
	_, err = desk(&s, true).Find(t.Context(), ask.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound)
}

// Whatever comes in whatever order, from however many at once: at most one charge, never one after a void, one answer for
// all who asked to pay before it, and a void that stays.
func TestAnyInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var store paymenttest.Store
		dice := payment.NewRandom(rapid.Uint64().Draw(t, "seed"))
		voided := false
		var said payment.Status
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			pays, voids := rapid.IntRange(0, 3).Draw(t, "pays"), rapid.IntRange(0, 2).Draw(t, "voids")
			answers := make(chan payment.Payment, pays)
			var all sync.WaitGroup
			d := &payment.Service{Store: &store, Confirm: func() bool { return dice.Chance(0.5) }, Now: func() time.Time { return now }}
			for range pays {
				all.Go(func() {
					p, err := d.Pay(context.Background(), ask)
					assert.NoError(t, err)
					answers <- p
				})
			}
			for range voids {
				all.Go(func() {
					p, err := d.Void(context.Background(), ask)
					if assert.NoError(t, err) {
						assert.Equal(t, payment.Voided, p.Status)
					}
				})
			}
			all.Wait()
			close(answers)
			for p := range answers {
				switch {
				case voided:
					require.Equal(t, payment.Declined, p.Status)
					require.Equal(t, payment.ReasonVoided, p.Reason)
				case p.Reason != payment.ReasonVoided: // a void of the same round may be ahead
					require.Contains(t, []payment.Status{"", p.Status}, said)
					said = p.Status
				default:
					require.Positive(t, voids)
				}
			}
			voided = voided || voids > 0

			p, _, err := store.Load(context.Background(), ask.OrderID)
			require.NoError(t, err)
			charges, undone := 0, 0
			for _, e := range p.Entries {
				switch e.Kind {
				case payment.Charged:
					charges++
					require.Zero(t, undone, "a charge after the void")
				case payment.Undone:
					undone++
				}
			}
			require.LessOrEqual(t, charges, 1)
			require.LessOrEqual(t, undone, 1)
			require.Equal(t, voided, p.Status == payment.Voided)
			require.Equal(t, voided, undone == 1)
		}
	})
}

func TestDice(t *testing.T) {
	a, b := payment.NewRandom(7), payment.NewRandom(7)
	for range 100 {
		require.Equal(t, a.Chance(0.5), b.Chance(0.5))
		require.False(t, a.Chance(0))
		require.False(t, b.Chance(0))
		require.True(t, a.Chance(1))
		require.True(t, b.Chance(1))
	}
}
