package inspect_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
)

// world has all parts. Each reading sees the next of the observations, the last one again and again.
type world struct {
	observations []inspect.Observation
	slow         bool // the ledger does not answer
	panics       bool // the scheduler's client panics
	stored       [][]string
}

func (w *world) now() inspect.Observation { return w.observations[0] }

func (w *world) Inspect(context.Context, string) (orderactor.Inspection, error) {
	return w.now().Actor.Value, w.now().Actor.Err
}

func (w *world) Find(context.Context, string) (order.State, bool, error) {
	return w.now().Database.Value, w.now().Database.Found, w.now().Database.Err
}

func (w *world) SetFindings(_ context.Context, _ string, _ time.Time, codes []string) error {
	w.stored = append(w.stored, codes)
	return nil
}

func (w *world) Due(context.Context, string) (time.Time, bool, error) {
	if w.panics {
		panic("no scheduler")
	}
	return w.now().Reminder.Value, w.now().Reminder.Found, w.now().Reminder.Err
}

type ledger struct{ *world }

func (l ledger) Find(ctx context.Context, p payer.Payment) (payer.Record, bool, error) {
	if l.slow {
		<-ctx.Done()
		return payer.Record{}, false, ctx.Err()
	}
	return l.now().Ledger.Value, l.now().Ledger.Found && p.Amount == 900 && p.Customer == "alice", l.now().Ledger.Err
}

func (w *world) inspector(at time.Time) *inspect.Inspector {
	return &inspect.Inspector{
		Orders: w, OrderDB: w, Ledger: ledger{w}, Reminders: w, Log: slog.New(slog.DiscardHandler), After: time.Minute,
		Clock: func() time.Time { return at },
		Sleep: func(context.Context, time.Duration) {
			if len(w.observations) > 1 {
				w.observations = w.observations[1:]
			}
		},
	}
}

func older(s order.State, database order.State) inspect.Observation {
	o := consistent(s)
	o.Database.Value = database
	return o
}

func TestInspectReportsOnlyWhatIsStillThereWithoutAChange(t *testing.T) {
	lost := consistent(settled(true))
	lost.Reminder = inspect.Answer[time.Time]{}
	for name, c := range map[string]struct {
		observations []inspect.Observation
		at           time.Time
		verdict      inspect.Verdict
		codes        []inspect.Code
		stored       [][]string
		moving       bool
	}{
		"consistent":              {observations: []inspect.Observation{consistent(settled(true))}, verdict: inspect.VerdictConsistent, stored: [][]string{nil}},
		"difference stays":        {observations: []inspect.Observation{lost}, verdict: inspect.VerdictInconsistent, codes: []inspect.Code{inspect.ReminderMissing}, stored: [][]string{{"reminder-missing"}}},
		"turn was under way":      {observations: []inspect.Observation{older(settled(true), created()), consistent(settled(true))}, verdict: inspect.VerdictConsistent, stored: [][]string{nil}},
		"reminder had just fired": {observations: []inspect.Observation{lost, consistent(delivered())}, verdict: inspect.VerdictConsistent, stored: [][]string{nil}},
		"another turn was under way": {
			observations: []inspect.Observation{older(settled(true), created()), older(delivered(), settled(true)), consistent(delivered())},
			verdict:      inspect.VerdictConsistent, stored: [][]string{nil},
		},
		"order always changes": {
			observations: []inspect.Observation{older(settled(true), created()), older(delivered(), settled(true)), older(settled(true), created())},
			verdict:      inspect.VerdictUnknown, moving: true,
		},
		"late": {observations: []inspect.Observation{consistent(created())}, at: noon.Add(time.Hour), verdict: inspect.VerdictWaiting, codes: []inspect.Code{inspect.Unpaid}, stored: [][]string{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{observations: c.observations}
			at := c.at
			if at.IsZero() {
				at = noon.Add(5 * time.Second)
			}
			r, err := w.inspector(at).Inspect(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, c.verdict, r.Verdict)
			assert.Equal(t, c.codes, codes(r.Findings))
			assert.Equal(t, c.moving, r.Moving)
			assert.Equal(t, c.stored, w.stored)
			assert.NotEmpty(t, r.Summary())
		})
	}
}

func TestPartsMayBeUnavailableOnTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{observations: []inspect.Observation{consistent(settled(true))}, slow: true, panics: true}
		r, err := w.inspector(noon.Add(5*time.Second)).Inspect(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, inspect.VerdictUnknown, r.Verdict)
		assert.Equal(t, []string{"ledger", "scheduler"}, r.Observation.Missing())
		require.ErrorContains(t, r.Observation.Ledger.Err, "no answer within 2s")
		assert.Equal(t, "No answer from: ledger, scheduler. The other parts agree.", r.Summary())
		assert.Equal(t, settled(true), r.Observation.Database.Value)
		assert.Empty(t, w.stored, "whether the order is consistent is unknown")
	})
}

func TestDifferenceIsReportedWhileAnotherPartIsUnavailable(t *testing.T) {
	lost := consistent(settled(true))
	lost.Reminder = inspect.Answer[time.Time]{}
	lost.Ledger = inspect.Answer[payer.Record]{Err: errDown}
	w := &world{observations: []inspect.Observation{lost}}
	r, err := w.inspector(noon.Add(5*time.Second)).Inspect(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, inspect.VerdictInconsistent, r.Verdict)
	assert.Contains(t, r.Summary(), "No answer from: ledger.")
	assert.Equal(t, [][]string{{"reminder-missing"}}, w.stored)
}

func TestUnknownOrderIsNotFound(t *testing.T) {
	w := &world{observations: []inspect.Observation{{}}}
	_, err := w.inspector(noon).Inspect(t.Context(), id)
	require.ErrorIs(t, err, inspect.ErrNotFound)
	w.observations[0].Database.Err = errDown
	_, err = w.inspector(noon).Inspect(t.Context(), id)
	require.ErrorIs(t, err, errDown)
	require.NotErrorIs(t, err, inspect.ErrNotFound)
}
