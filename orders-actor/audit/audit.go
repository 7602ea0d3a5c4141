// Package audit inspects all orders in the background, slowly, and those that changed last first. It reports what package inspect
// finds inconsistent: a violation of what must always hold, see docs/faults.md.
//
// Replicas share the work. An order that only the state store has is not found, because the audit reads the list of orders from
// the order database; the command rebuild finds it.
package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orders/kit/run"
	"orders/orders-actor/inspect"
)

// Inspector inspects an order. It returns inspect.ErrNotFound if there is no such order.
type Inspector interface {
	Inspect(ctx context.Context, id string) (inspect.Result, error)
}

// Claims is the list of orders to inspect, which replicas share, see audits.Store.
type Claims interface {
	Claim(ctx context.Context, now time.Time, interval, settle time.Duration, n int) ([]string, error)
	Checked(ctx context.Context, now time.Time, orders int) error
}

const (
	interval = 5 * time.Second  // between two claims of all replicas
	settle   = 10 * time.Second // after a change, until an order is inspected: most continue meanwhile
	timeout  = 15 * time.Second // of an inspection
)

// Config configures an Auditor.
type Config struct {
	Inspector Inspector
	Claims    Claims
	Log       *slog.Logger
	PerMinute int // orders to inspect per minute, by all replicas together; rounded up to a multiple of 12
	Clock     func() time.Time
	Registry  prometheus.Registerer
}

// Auditor is the loop.
type Auditor struct {
	Config
	audited *prometheus.CounterVec
}

// New returns an Auditor. Run starts it.
func New(c Config) *Auditor {
	a := &Auditor{Config: c, audited: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orders_audited_total", Help: "Orders that the audit has inspected in this replica, by verdict.",
	}, []string{"verdict"})}
	c.Registry.MustRegister(a.audited)
	for _, v := range []inspect.Verdict{inspect.VerdictConsistent, inspect.VerdictWaiting, inspect.VerdictInconsistent, inspect.VerdictUnknown} {
		a.audited.WithLabelValues(string(v))
	}
	return a
}

// Run inspects orders until ctx ends. It returns nil. With PerMinute 0 it does nothing.
func (a *Auditor) Run(ctx context.Context) error {
	if a.PerMinute <= 0 {
		<-ctx.Done()
		return nil
	}
	return run.Every(interval, a.Log, "audit", a.Audit)(ctx)
}

// Audit claims orders and inspects them, one after another. Orders that it does not come to are inspected in the next sweep.
func (a *Auditor) Audit(ctx context.Context) error {
	perClaim := (a.PerMinute*int(interval/time.Second) + 59) / 60
	ids, err := a.Claims.Claim(ctx, a.Clock(), interval, settle, perClaim)
	if err != nil {
		return err
	}
	checked := 0
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		err := run.Catch(ctx, a.Log, "audit", func() error { return a.inspect(ctx, id) })
		switch {
		case err == nil:
			checked++
		case ctx.Err() == nil:
			a.Log.Warn("cannot inspect an order", "order", id, "error", err)
		}
	}
	if checked == 0 {
		return nil
	}
	storeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return a.Claims.Checked(storeCtx, a.Clock(), checked)
}

func (a *Auditor) inspect(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := a.Inspector.Inspect(ctx, id)
	if errors.Is(err, inspect.ErrNotFound) { // removed since the claim
		return nil
	}
	if err != nil {
		return err
	}
	a.audited.WithLabelValues(string(r.Verdict)).Inc()
	if r.Verdict == inspect.VerdictInconsistent {
		a.Log.Error("an order is inconsistent", "order", id, "finding", r.Summary())
	}
	return nil
}
