package httpapi

import (
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"orders/kit/httpapi/problem"
	"orders/kit/telemetry"
	"orders/kit/telemetry/telemetrytest"
)

func TestRequestsAreSpansAndProblemsHaveTheTraceID(t *testing.T) {
	recorder := telemetrytest.Record(t)
	log := slog.New(slog.DiscardHandler)
	app := NewApp(fiber.Config{ErrorHandler: problem.Handler(log)})
	registry := telemetry.NewRegistry()
	app.Use(Observe(log, registry))
	Probes(app, log, registry, nil)
	app.Get("/things/:id", func(*fiber.Ctx) error { return errors.New("broken") })
	get := func(path string) string {
		req := httptest.NewRequest("GET", path, nil)
		req.Header.Set("traceparent", telemetrytest.Traceparent)
		resp, err := app.Test(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	require.Contains(t, get("/things/7"), `"traceId":"`+telemetrytest.TraceID+`"`)
	get(LivePath)
	require.Equal(t, []string{"GET /things/:id"}, telemetrytest.Names(recorder), "probes have no spans")
	require.NotEmpty(t, recorder.Ended()[0].Status().Description)
}
