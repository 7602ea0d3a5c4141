package operator

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/orderdb/audits"
	"orders/orders-actor/orderdb/minutes"
	"orders/orders-actor/rest/request"
)

// Minutes is what happened to orders, see minutes.Store.
type Minutes interface {
	Since(ctx context.Context, from time.Time) ([]minutes.Minute, error)
}

// Audits is how far the audit is, see audits.Store.
type Audits interface {
	Status(ctx context.Context) (audits.Status, error)
}

const (
	defaultMinutes = 60
	maxMinutes     = int(minutes.Retention / time.Minute)
)

// Stats responds with what happened lately, what needs attention, and how far the audit is.
func (h *Handlers) Stats(c *fiber.Ctx, _ auth.User) error {
	q := request.ReadQuery(c, "minutes")
	window := q.Number("minutes", defaultMinutes, 1, maxMinutes)
	if err := q.Err(); err != nil {
		return err
	}
	ctx, now := c.UserContext(), h.Now().UTC()
	from := now.Truncate(time.Minute).Add(-time.Duration(window-1) * time.Minute)
	found, err := h.Minutes.Since(ctx, from)
	if err != nil {
		return err
	}
	waiting, err := h.Store.Summary(ctx, now)
	if err != nil {
		return err
	}
	current, err := h.Store.Current(ctx, now)
	if err != nil {
		return err
	}
	audit, err := h.Audits.Status(ctx)
	if err != nil {
		return err
	}
	stats := api.Stats{From: from, To: now, Minutes: make([]api.StatsMinute, len(found)), Readers: h.Readers()}
	var total minutes.Counts
	for i, m := range found {
		total.Add(m.Counts)
		stats.Minutes[i] = convertMinute(m)
	}
	stats.Total = convertCounts(total)
	stats.Current = api.StatsCurrent{
		Attention: current.Attention, AwaitingPayment: current.AwaitingPayment, DueWithinHour: current.DueWithinHour,
	}
	stats.Payment, stats.Lateness = percentiles(total.Payment), percentiles(total.Lateness)
	stats.Attention = convertSummary(waiting)
	stats.Audit = h.convertAudit(audit)
	return c.JSON(stats)
}

func convertCounts(c minutes.Counts) api.StatsCounts {
	return api.StatsCounts{Created: c.Created, Confirmed: c.Confirmed, Declined: c.Declined, Cancelled: c.Cancelled, Delivered: c.Delivered}
}

func convertMinute(m minutes.Minute) api.StatsMinute {
	return api.StatsMinute{
		At: m.At, Created: m.Created, Confirmed: m.Confirmed, Declined: m.Declined, Cancelled: m.Cancelled, Delivered: m.Delivered,
	}
}

// percentiles returns the zero value if there are no durations.
func percentiles(d minutes.Durations) api.Percentiles {
	p50, _ := d.Percentile(50)
	p99, _ := d.Percentile(99)
	return api.Percentiles{P50: p50.Milliseconds(), P99: p99.Milliseconds()}
}

func convertSummary(all []attention.Group) []api.StatsAttention {
	converted := make([]api.StatsAttention, len(all))
	for i, g := range all {
		converted[i] = api.StatsAttention{Reason: api.AttentionReason(g.Reason), Count: g.Count, OldestSince: g.Oldest}
	}
	return converted
}

func (h *Handlers) convertAudit(s audits.Status) api.StatsAudit {
	return api.StatsAudit{
		PerMinute: h.AuditPerMinute, Checked: s.Checked, LastCheckedAt: s.LastChecked,
		Sweep:     api.StatsSweep{StartedAt: s.SweepStarted, Orders: s.SweepChecked},
		LastSweep: api.StatsSweep{StartedAt: s.LastSweep.Started, EndedAt: s.LastSweep.Ended, Orders: s.LastSweep.Orders},
	}
}
