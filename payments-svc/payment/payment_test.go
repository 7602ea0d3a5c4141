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
	request = payment.Request{OrderID: "order-1", Amount: 900, Currency: "EUR"}
	now     = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	later   = now.Add(time.Hour)
)

func always(result bool) func() bool { return func() bool { return result } }

func service(store payment.Store, confirm bool) *payment.Service {
	return &payment.Service{Store: store, Confirm: always(confirm), Now: func() time.Time { return now }}
}

func TestDecisions(t *testing.T) {
	confirmed, _, err := payment.Payment{}.Pay(request, now, always(true))
	require.NoError(t, err)
	declined, _, err := payment.Payment{}.Pay(request, now, always(false))
	require.NoError(t, err)
	voided, _, err := payment.Payment{}.Void(request, now)
	require.NoError(t, err)
	charge, voidLater := payment.Entry{Kind: payment.EntryCharged, Amount: 900, At: now}, payment.Entry{Kind: payment.EntryVoided, Amount: 900, At: later}

	pay := func(p payment.Payment) (payment.Payment, bool, error) {
		return p.Pay(request, later, func() bool { panic("decided twice") })
	}
	void := func(p payment.Payment) (payment.Payment, bool, error) { return p.Void(request, later) }
	remove := func(p payment.Payment) (payment.Payment, bool, error) { return p.Remove(request, now) }
	removed, _, err := confirmed.Remove(request, now)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		from     payment.Payment
		do       func(payment.Payment) (payment.Payment, bool, error)
		changed  bool
		status   payment.Status
		response payment.Status
		reason   string
		entries  []payment.Entry
	}{
		"a confirmed payment again":     {confirmed, pay, false, payment.Confirmed, payment.Confirmed, "", []payment.Entry{charge}},
		"a declined payment again":      {declined, pay, false, payment.Declined, payment.Declined, payment.ReasonRefused, []payment.Entry{}},
		"a payment after the void":      {voided, pay, false, payment.Voided, payment.Declined, payment.ReasonVoided, voided.Entries},
		"a void of a confirmed payment": {confirmed, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{charge, voidLater}},
		"a void of a declined payment":  {declined, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{voidLater}},
		"a void before the payment":     {payment.Payment{}, void, true, payment.Voided, payment.Declined, payment.ReasonVoided, []payment.Entry{voidLater}},
		"a removal after a charge":      {confirmed, remove, true, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a removal of a void":           {voided, remove, true, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a removal without a payment":   {payment.Payment{}, remove, true, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a removal again":               {removed, remove, false, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a payment after the removal":   {removed, pay, false, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a void after the removal":      {removed, void, false, payment.Removed, payment.Declined, payment.ReasonRemoved, []payment.Entry{}},
		"a void again":                  {voided, void, false, payment.Voided, payment.Declined, payment.ReasonVoided, voided.Entries},
	} {
		t.Run(name, func(t *testing.T) {
			got, changed, err := test.do(test.from)
			require.NoError(t, err)
			assert.Equal(t, test.changed, changed)
			assert.Equal(t, test.status, got.Status)
			assert.Equal(t, test.response, got.Response().Status)
			assert.Equal(t, test.reason, got.Response().Reason)
			assert.Equal(t, test.entries, got.Entries)
			if test.from.Status != "" {
				assert.Equal(t, now, got.DecidedAt)
			}
		})
	}
}

func TestAnotherAmountOrCurrencyIsAMismatch(t *testing.T) {
	for _, other := range []payment.Request{
		{OrderID: "order-1", Amount: 901, Currency: "EUR"},
		{OrderID: "order-1", Amount: 900, Currency: "USD"},
	} {
		s := service(&paymenttest.Store{}, true)
		_, err := s.Pay(t.Context(), request)
		require.NoError(t, err)
		_, err = s.Pay(t.Context(), other)
		require.ErrorIs(t, err, payment.ErrMismatch)
		_, err = s.Void(t.Context(), other)
		require.ErrorIs(t, err, payment.ErrMismatch)
	}
}

func TestFind(t *testing.T) {
	s := service(&paymenttest.Store{}, true)
	_, err := s.Find(t.Context(), request.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound)
	paid, err := s.Pay(t.Context(), request)
	require.NoError(t, err)
	found, err := s.Find(t.Context(), request.OrderID)
	require.NoError(t, err)
	require.Equal(t, paid, found)
}

// contended is a store with a concurrent write before each save.
type contended struct {
	paymenttest.Store
	beforeSave func()
}

func (s *contended) Save(ctx context.Context, p payment.Payment, version string) error {
	s.beforeSave()
	return s.Store.Save(ctx, p, version)
}

func TestPayReturnsTheConcurrentDecision(t *testing.T) {
	s := &contended{}
	s.beforeSave = func() {
		_, err := service(&s.Store, false).Pay(t.Context(), request)
		require.NoError(t, err)
	}
	p, err := service(s, true).Pay(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, payment.Declined, p.Status)
}

type conflicting struct{ paymenttest.Store }

func (*conflicting) Save(context.Context, payment.Payment, string) error { return payment.ErrConflict }

func TestPayFailsAfterRepeatedConflicts(t *testing.T) {
	_, err := service(&conflicting{}, true).Pay(t.Context(), request)
	require.ErrorIs(t, err, payment.ErrConflict)
}

func TestStoreFailureDoesNotDecide(t *testing.T) {
	var s paymenttest.Store
	away := errors.New("away")
	s.Fail(away)
	_, err := service(&s, true).Pay(t.Context(), request)
	require.ErrorIs(t, err, away)
	s.Fail(nil)
	_, err = service(&s, true).Find(t.Context(), request.OrderID)
	require.ErrorIs(t, err, payment.ErrNotFound)
}

// After any sequence of concurrent payments and voids there is at most one charge and none after a void, all payments before
// the void have the same result, and a void is final.
func TestConcurrentPaymentsAndVoids(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var store paymenttest.Store
		random := payment.NewRandom(rapid.Uint64().Draw(t, "seed"))
		voided := false
		var decided payment.Status
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			pays, voids := rapid.IntRange(0, 3).Draw(t, "pays"), rapid.IntRange(0, 2).Draw(t, "voids")
			responses := make(chan payment.Payment, pays)
			var all sync.WaitGroup
			s := &payment.Service{Store: &store, Confirm: func() bool { return random.Chance(0.5) }, Now: func() time.Time { return now }}
			for range pays {
				all.Go(func() {
					p, err := s.Pay(context.Background(), request)
					assert.NoError(t, err)
					responses <- p
				})
			}
			for range voids {
				all.Go(func() {
					p, err := s.Void(context.Background(), request)
					if assert.NoError(t, err) {
						assert.Equal(t, payment.Voided, p.Status)
					}
				})
			}
			all.Wait()
			close(responses)
			for p := range responses {
				switch {
				case voided:
					require.Equal(t, payment.Declined, p.Status)
					require.Equal(t, payment.ReasonVoided, p.Reason)
				case p.Reason != payment.ReasonVoided: // otherwise a void of the same round was first
					require.Contains(t, []payment.Status{"", p.Status}, decided)
					decided = p.Status
				default:
					require.Positive(t, voids)
				}
			}
			voided = voided || voids > 0

			p, _, err := store.Load(context.Background(), request.OrderID)
			require.NoError(t, err)
			charges, voids := 0, 0
			for _, e := range p.Entries {
				switch e.Kind {
				case payment.EntryCharged:
					charges++
					require.Zero(t, voids, "a charge after the void")
				case payment.EntryVoided:
					voids++
				}
			}
			require.LessOrEqual(t, charges, 1)
			require.LessOrEqual(t, voids, 1)
			require.Equal(t, voided, p.Status == payment.Voided)
			require.Equal(t, voided, voids == 1)
		}
	})
}

func TestRandom(t *testing.T) {
	a, b := payment.NewRandom(7), payment.NewRandom(7)
	for range 100 {
		require.Equal(t, a.Chance(0.5), b.Chance(0.5))
		require.False(t, a.Chance(0))
		require.False(t, b.Chance(0))
		require.True(t, a.Chance(1))
		require.True(t, b.Chance(1))
	}
}

// counting counts the calls of a store.
type counting struct {
	payment.Store
	loads, saves int
}

func (c *counting) Load(ctx context.Context, orderID string) (payment.Payment, string, error) {
	c.loads++
	return c.Store.Load(ctx, orderID)
}

func (c *counting) Save(ctx context.Context, p payment.Payment, version string) error {
	c.saves++
	return c.Store.Save(ctx, p, version)
}

func TestPaymentWithoutProcessingIsInsertedWithoutALoad(t *testing.T) {
	store := &counting{Store: &paymenttest.Store{}}
	first, err := service(store, true).Pay(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1}, []int{store.loads, store.saves})

	again, err := service(store, false).Pay(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, first, again, "the first decision stays")
	other := request
	other.Amount++
	_, err = service(store, true).Pay(t.Context(), other)
	require.ErrorIs(t, err, payment.ErrMismatch)

	_, err = service(store, true).Void(t.Context(), request)
	require.NoError(t, err)
	declined, err := service(store, true).Pay(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, payment.Declined, declined.Status, "no charge after a void")
	stored, err := service(store, true).Find(t.Context(), request.OrderID)
	require.NoError(t, err)
	assert.Len(t, stored.Entries, 2, "one charge and one void")
}
