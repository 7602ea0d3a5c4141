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

// Check tells whether something that the service needs is there.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Probes serves
//
//   - liveness: the process answers;
//   - readiness: this process can take requests. That is so once every check has passed, so that a rolling update does not
//     go on to a version that can't work, and until stopping is closed. A dependency that fails later does not end it: all
//     replicas would become unready at once, and with them everything that does not need the dependency;
//   - health: every check passes now. The body names each, and service_check_up tells the same to Prometheus.
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
	started atomic.Bool // every check has passed at once before
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
