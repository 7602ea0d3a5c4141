package telemetry_test

import (
	"context"
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

func TestProfilesAreServedOnTheirAddressUntilTheEnd(t *testing.T) {
	logged := make(lines, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- telemetry.ServeProfiles(slog.New(slog.NewTextHandler(logged, nil)), "PROFILE_ADDR", "127.0.0.1:0")(ctx)
	}()
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(<-logged)
	client := http.Client{Timeout: time.Minute}
	for _, path := range []string{"", "heap?debug=1", "profile?seconds=1"} {
		resp, err := client.Get("http://" + address + "/debug/pprof/" + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
	}
	stop()
	require.NoError(t, <-ended)
}

func TestNoProfilesWithoutAnAddress(t *testing.T) {
	var logged strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, telemetry.ServeProfiles(slog.New(slog.NewTextHandler(&logged, nil)), "PROFILE_ADDR", "")(ctx))
	require.Empty(t, logged.String())
}
