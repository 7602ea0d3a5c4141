package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"orders/kit/run"
)

// Check checks a dependency of the service. Run returns an error if it is not available. Name is part of responses.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Probes serves
//
//   - liveness: the process responds.
//   - readiness: the process accepts requests. It becomes ready once all checks have passed, so that a rolling update stops
//     at a version that does not work. It stays ready until stopping is closed: if a dependency fails later, all replicas
//     would become unready at once, and requests that do not need the dependency would fail too.
//   - health: all checks pass now. The body lists them; the metric service_check_up has the same results.
func Probes(app *fiber.App, log *slog.Logger, registry prometheus.Registerer, stopping <-chan struct{}, checks ...Check) {
	h := &health{log: log, checks: checks}
	registry.MustRegister(h)
	app.Get(LivePath, func(c *fiber.Ctx) error { return c.SendString("alive\n") })
	app.Get(ReadyPath, func(c *fiber.Ctx) error {
		select {
		case <-stopping:
			return c.Status(http.StatusServiceUnavailable).SendString("not ready: stopping\n")
		default:
		}
		if !h.started.Load() {
			for _, r := range h.run(c.UserContext()) {
				if r.err != nil {
					return c.Status(http.StatusServiceUnavailable).SendString("not ready: " + r.name + "\n")
				}
			}
		}
		return c.SendString("ready\n")
	})
	app.Get(HealthPath, func(c *fiber.Ctx) error {
		var report strings.Builder
		for _, r := range h.run(c.UserContext()) {
			state := "ok"
			if r.err != nil {
				state = "failing"
				c.Status(http.StatusServiceUnavailable)
			}
			fmt.Fprintf(&report, "%s: %s\n", r.name, state)
		}
		if len(checks) == 0 {
			report.WriteString("ok\n")
		}
		return c.SendString(report.String())
	})
}

// health runs the checks. It implements prometheus.Collector.
type health struct {
	log     *slog.Logger
	checks  []Check
	started atomic.Bool // all checks have passed in one run
}

type checkResult struct {
	name string
	err  error
}

func (h *health) run(ctx context.Context) []checkResult {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]checkResult, len(h.checks))
	var wait sync.WaitGroup
	for i, check := range h.checks {
		results[i].name = check.Name
		wait.Go(func() {
			results[i].err = run.Catch(ctx, h.log, "check", func() error { return check.Run(ctx) })
		})
	}
	wait.Wait()
	passed := true
	for _, r := range results {
		if r.err != nil {
			passed = false
			h.log.WarnContext(ctx, "check failed", "check", r.name, "error", r.err)
		}
	}
	if passed {
		h.started.Store(true)
	}
	return results
}

var checkUp = prometheus.NewDesc("service_check_up", "Whether a dependency answers: 1 or 0.", []string{"check"}, nil)

// Describe implements prometheus.Collector.
func (h *health) Describe(out chan<- *prometheus.Desc) { out <- checkUp }

// Collect implements prometheus.Collector.
func (h *health) Collect(out chan<- prometheus.Metric) {
	for _, r := range h.run(context.Background()) {
		up := 1.0
		if r.err != nil {
			up = 0
		}
		out <- prometheus.MustNewConstMetric(checkUp, prometheus.GaugeValue, up, r.name)
	}
}
