package log_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"orders/kit/log"
	"orders/kit/telemetry"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestRecordsHaveOnlyValidTraceIDs(t *testing.T) {
	var logged bytes.Buffer
	logger, level, err := log.New(&logged, "info", "json")
	require.NoError(t, err)
	logger.With("a", 1).InfoContext(telemetry.WithTraceparent(t.Context(), traceparent), "hello")
	require.Contains(t, logged.String(), `"trace_id":"0af7651916cd43dd8448eb211c80319c"`)

	logged.Reset()
	logger.InfoContext(telemetry.WithTraceparent(t.Context(), "00-forged\n-01"), "hello")
	logger.InfoContext(telemetry.WithTraceparent(t.Context(), "00-"+"00000000000000000000000000000000"+"-0000000000000000-00"), "hello")
	logger.Debug("not at this level")
	require.NotContains(t, logged.String(), "trace_id")
	require.NotContains(t, logged.String(), "not at this level")
	level.Set(slog.LevelDebug)
	logger.Debug("now at this level")
	require.Contains(t, logged.String(), "now at this level")

	_, _, err = log.New(&logged, "loud", "json")
	require.Error(t, err)
	_, _, err = log.New(&logged, "info", "xml")
	require.Error(t, err)
}
