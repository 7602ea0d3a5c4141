package retention_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/orderdbtest"
	"orders/orders-actor/orderdb/removal"
	"orders/orders-actor/payer"
	"orders/orders-actor/retention"
)

var noon = orderdbtest.Start

// system is everything that a removal calls. It records the calls.
type system struct {
	calls   []string
	fail    map[string]error // by call
	claims  [][]order.State
	before  []time.Time
	erased  []string
	left    map[order.Status]int
	running []string
}

func (s *system) call(name string) error {
	s.calls = append(s.calls, name)
	err := s.fail[name]
	if err != nil && err.Error() == "panic" {
		panic(name)
	}
	return err
}

type orders struct{ *system }

func (o orders) Remove(_ context.Context, c order.Remove) error {
	o.before = append(o.before, c.Before)
	return o.call("order " + c.ID)
}

type payments struct{ *system }

func (p payments) Remove(_ context.Context, r payer.Payment) error {
	return p.call("payment " + r.OrderID)
}

func (s *system) remover() retention.Remover {
	return retention.Remover{Orders: orders{s}, Payments: payments{s}}
}

func (s *system) Claim(_ context.Context, _ time.Time, _ time.Duration, before time.Time, _ int) (states []order.State, err error) {
	s.before = append(s.before, before)
	if len(s.claims) > 0 {
		states, s.claims = s.claims[0], s.claims[1:]
	}
	return states, s.fail["claim"]
}

func (s *system) EraseEvents(_ context.Context, customer string) (int64, error) {
	s.erased = append(s.erased, customer)
	return 2, s.fail["events"]
}

func (s *system) Final(_ context.Context, _ string, status order.Status, _ removal.Position, _ int) ([]order.State, removal.Position, bool, error) {
	if status != order.Cancelled || len(s.claims) == 0 {
		return nil, removal.Position{}, false, nil
	}
	states := s.claims[0]
	s.claims = s.claims[1:]
	return states, removal.Position{}, true, s.fail["claim"]
}

func (s *system) Left(context.Context, string, int) (map[order.Status]int, []string, error) {
	return s.left, s.running, nil
}

// final returns an order with this id that became final at noon.
func final(t *testing.T, id string) order.State {
	t.Helper()
	s := orderdbtest.Settled(t, orderdbtest.NewOrder(t, "alice", noon), false, noon)
	s.ID = id
	return s
}

func TestPaymentIsRemovedBeforeTheOrder(t *testing.T) {
	s := &system{fail: map[string]error{}}
	require.NoError(t, s.remover().Remove(t.Context(), final(t, "1"), time.Time{}))
	assert.Equal(t, []string{"payment 1", "order 1"}, s.calls)

	s = &system{fail: map[string]error{"payment 1": errors.New("down")}}
	require.ErrorContains(t, s.remover().Remove(t.Context(), final(t, "1"), time.Time{}), "down")
	assert.Equal(t, []string{"payment 1"}, s.calls, "the order still lists what is to be removed")
}

func TestOrdersThatAreNotRemovableAreLeftAlone(t *testing.T) {
	running := orderdbtest.NewOrder(t, "alice", noon)
	for name, test := range map[string]struct {
		state  order.State
		before time.Time
	}{
		"running":      {state: running},
		"void pending": {state: orderdbtest.Cancelled(t, running, noon)},
		"too recent":   {final(t, "1"), noon},
	} {
		s := &system{}
		require.Error(t, s.remover().Remove(t.Context(), test.state, test.before), name)
		assert.Empty(t, s.calls, name)
	}
}

func newWorker(s *system, days int, now time.Time) (*retention.Worker, *prometheus.Registry, *bytes.Buffer) {
	registry, logged := prometheus.NewRegistry(), &bytes.Buffer{}
	return retention.New(retention.Config{
		Remover: s.remover(), Store: s, Log: slog.New(slog.NewTextHandler(logged, nil)), Days: days,
		Clock: func() time.Time { return now }, Registry: registry,
	}), registry, logged
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.Fail(t, "no such metric", name)
	return 0
}

func TestWorkerRemovesOldOrdersAndContinuesAfterFailures(t *testing.T) {
	s := &system{
		claims: [][]order.State{{final(t, "1"), final(t, "2"), final(t, "3"), final(t, "4")}},
		fail:   map[string]error{"payment 2": errors.New("down"), "order 3": errors.New("panic")},
	}
	now := noon.AddDate(0, 0, 31)
	worker, registry, logged := newWorker(s, 30, now)
	require.NoError(t, worker.Remove(t.Context()))
	assert.Equal(t, []string{"payment 1", "order 1", "payment 2", "payment 3", "order 3", "payment 4", "order 4"}, s.calls)
	for _, before := range s.before {
		assert.Equal(t, noon.AddDate(0, 0, 1), before)
	}
	assert.Empty(t, s.erased, "all events of these orders are pruned")
	assert.InDelta(t, 2, metric(t, registry, "orders_removed_total"), 0)
	assert.InDelta(t, 2, metric(t, registry, "orders_remove_failures_total"), 0)
	assert.InDelta(t, now.Unix(), metric(t, registry, "orders_remove_last_error_timestamp_seconds"), 1)
	assert.Contains(t, logged.String(), `msg="cannot remove an old order" order=2 error=down`)
	assert.NotContains(t, logged.String(), "alice")
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestWorkerErasesTheEventsOfYoungOrders(t *testing.T) {
	s := &system{claims: [][]order.State{{final(t, "1"), final(t, "2")}}, fail: map[string]error{"events": errors.New("busy")}}
	worker, registry, _ := newWorker(s, 1, noon.AddDate(0, 0, 2))
	require.ErrorContains(t, worker.Remove(t.Context()), "busy")
	assert.Equal(t, []string{"alice"}, s.erased)
	assert.InDelta(t, 2, metric(t, registry, "orders_removed_total"), 0)
	assert.InDelta(t, 1, metric(t, registry, "orders_remove_failures_total"), 0)
}

func TestWithoutDaysNothingIsRemoved(t *testing.T) {
	s := &system{claims: [][]order.State{{final(t, "1")}}}
	worker, _, _ := newWorker(s, 0, noon.AddDate(1, 0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, worker.Run(ctx))
	assert.Empty(t, s.before)
}

func TestEraseRemovesFinalOrdersAndReportsTheOthers(t *testing.T) {
	s := &system{
		claims: [][]order.State{{final(t, "1")}, {final(t, "2")}},
		left:   map[order.Status]int{order.Confirmed: 1}, running: []string{"3"},
	}
	report, err := retention.Erase(t.Context(), s, s.remover(), "alice", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.Equal(t, retention.Report{Customer: "alice", Orders: 2, Events: 2, Left: s.left, IDs: s.running}, report)
	assert.ElementsMatch(t, []string{"payment 1", "order 1", "payment 2", "order 2"}, s.calls)
	assert.Equal(t, []time.Time{{}, {}}, s.before, "whatever their age")
	assert.Equal(t, []string{"alice"}, s.erased)

	var out bytes.Buffer
	report.Print(&out)
	assert.Contains(t, out.String(), "removed: 2 orders with their payments, 2 events\n")
	assert.Contains(t, out.String(), "left:    1 orders confirmed\n")
	assert.Contains(t, out.String(), "         3\n")
	assert.Contains(t, out.String(), "backups")
}

func TestEraseReportsFailuresAfterItHasRemovedTheOthers(t *testing.T) {
	s := &system{
		claims: [][]order.State{{final(t, "1"), final(t, "2")}}, fail: map[string]error{"order 1": order.NotFound(), "claim": errors.New("unreadable")},
	}
	report, err := retention.Erase(t.Context(), s, s.remover(), "alice", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "1 orders cannot be removed; run it again")
	require.ErrorContains(t, err, "unreadable")
	assert.EqualValues(t, 1, report.Orders)
	assert.EqualValues(t, 1, report.Failed)
	assert.Equal(t, []string{"alice"}, s.erased)

	_, err = retention.Erase(t.Context(), s, s.remover(), " ", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "the name is missing")
}
