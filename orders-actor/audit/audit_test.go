package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/audit"
	"orders/orders-actor/inspect"
)

// orders are the claimed orders, and what an inspection of each returns.
type orders struct {
	verdicts  map[string]inspect.Verdict
	errors    map[string]error
	batches   [][]string
	asked     []int // orders per claim
	inspected []string
	checked   int
}

func (o *orders) Claim(_ context.Context, _ time.Time, _, _ time.Duration, n int) (ids []string, _ error) {
	o.asked = append(o.asked, n)
	if len(o.batches) > 0 {
		ids, o.batches = o.batches[0], o.batches[1:]
	}
	return ids, nil
}

func (o *orders) Checked(_ context.Context, _ time.Time, n int) error {
	o.checked += n
	return nil
}

func (o *orders) Inspect(_ context.Context, id string) (inspect.Result, error) {
	o.inspected = append(o.inspected, id)
	if id == "panic" {
		panic("inspection")
	}
	return inspect.Result{Verdict: o.verdicts[id]}, o.errors[id]
}

func newAuditor(o *orders, perMinute int) (*audit.Auditor, *prometheus.Registry, *bytes.Buffer) {
	registry, logged := prometheus.NewRegistry(), &bytes.Buffer{}
	return audit.New(audit.Config{
		Inspector: o, Claims: o, Log: slog.New(slog.NewTextHandler(logged, nil)), PerMinute: perMinute, Clock: time.Now, Registry: registry,
	}), registry, logged
}

func TestAuditReportsInconsistentOrdersAndContinuesAfterFailures(t *testing.T) {
	o := &orders{
		batches:  [][]string{{"a", "panic", "gone", "down", "b"}},
		verdicts: map[string]inspect.Verdict{"a": inspect.VerdictConsistent, "b": inspect.VerdictInconsistent},
		errors:   map[string]error{"gone": inspect.ErrNotFound, "down": errors.New("no answer")},
	}
	auditor, registry, logged := newAuditor(o, 60)
	require.NoError(t, auditor.Audit(t.Context()))

	assert.Equal(t, []string{"a", "panic", "gone", "down", "b"}, o.inspected)
	assert.Equal(t, 3, o.checked)
	assert.Contains(t, logged.String(), `msg="an order is inconsistent" order=b`)
	assert.NotContains(t, logged.String(), `order=a`)
	require.NoError(t, testutil.GatherAndCompare(registry, bytes.NewBufferString(`
		# HELP orders_audited_total Orders that the audit has inspected in this replica, by verdict.
		# TYPE orders_audited_total counter
		orders_audited_total{verdict="consistent"} 1
		orders_audited_total{verdict="inconsistent"} 1
		orders_audited_total{verdict="unknown"} 0
		orders_audited_total{verdict="waiting"} 0
	`)))
}

func TestAuditKeepsToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{}
		auditor, _, _ := newAuditor(o, 120)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute-time.Second)
		defer cancel()
		require.NoError(t, auditor.Run(ctx))
		require.Len(t, o.asked, 12)
		require.Equal(t, 10, o.asked[0])
	})
}

func TestAuditIsOffWithoutARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{}
		auditor, _, _ := newAuditor(o, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, auditor.Run(ctx))
		require.Empty(t, o.asked)
	})
}
