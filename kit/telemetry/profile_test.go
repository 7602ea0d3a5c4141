package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/kit/telemetry"
)

// lines passes each write on.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestProfilesAndLogLevelAreServedOnTheirAddressUntilTheEnd(t *testing.T) {
	logged := make(lines, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: level}))
	go func() { ended <- telemetry.ServeProfiles(log, level, "PROFILE_ADDR", "127.0.0.1:0")(ctx) }()
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(<-logged)
	client := http.Client{Timeout: time.Minute}
	for _, path := range []string{"", "heap?debug=1", "profile?seconds=1"} {
		resp, err := client.Get("http://" + address + "/debug/pprof/" + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
	}
	put := func(text string) (int, string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+telemetry.LevelPath, strings.NewReader(text))
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, body := put("debug\n")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "debug\n", body)
	require.True(t, log.Enabled(ctx, slog.LevelDebug))
	require.Contains(t, <-logged, "log level changed")
	for _, bad := range []string{"", "loud", strings.Repeat("debug", 10)} {
		status, _ := put(bad)
		require.Equal(t, http.StatusBadRequest, status, bad)
	}
	require.Equal(t, slog.LevelDebug, level.Level())
	stop()
	require.NoError(t, <-ended)
}

func TestNoProfilesWithoutAnAddress(t *testing.T) {
	var logged strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, telemetry.ServeProfiles(slog.New(slog.NewTextHandler(&logged, nil)), new(slog.LevelVar), "PROFILE_ADDR", "")(ctx))
	require.Empty(t, logged.String())
}
