//go:build stack

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/examples/seat/seat"
	"orders/stack"
)

// TestSeatOnDapr drives the service on the real sidecar. make build-example runtime builds what it needs.
func TestSeatOnDapr(t *testing.T) {
	runFile, err := filepath.Abs("dapr/seat.yaml")
	require.NoError(t, err)
	s, err := stack.Start(t.Context(), stack.Options{
		RunFile: runFile, Home: t.TempDir(), FreePorts: true, Env: map[string]map[string]string{"seat": {"SEAT_HOLD_FOR": "2s"}},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()

	status, held := call(t, s, http.MethodPost, "/seats/A1/hold", `{"holder":"Ann"}`)
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "Ann", held.Holder)
	status, _ = call(t, s, http.MethodPost, "/seats/A1/hold", `{"holder":"Bob"}`)
	assert.Equal(t, http.StatusConflict, status)
	require.Eventually(t, func() bool {
		status, _ := call(t, s, http.MethodPost, "/seats/A1/hold", `{"holder":"Bob"}`)
		return status == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "Ann's hold ends")
	status, kept := call(t, s, http.MethodPost, "/seats/A1/confirm", `{"holder":"Bob"}`)
	require.Equal(t, http.StatusOK, status)
	assert.True(t, kept.Confirmed)
	status, _ = call(t, s, http.MethodPost, "/seats/A1/confirm", `{"holder":"Ann"}`)
	assert.Equal(t, http.StatusConflict, status)

	status, _ = call(t, s, http.MethodPost, "/seats/B2/hold", `{"holder":"Cleo"}`)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, s.Kill("seat"))
	require.NoError(t, s.Start("seat"))
	require.NoError(t, s.WaitReady(t.Context()))
	require.Eventually(t, func() bool {
		status, got := call(t, s, http.MethodGet, "/seats/A1", "")
		return status == http.StatusOK && got == kept
	}, time.Minute, 100*time.Millisecond, "a confirmed seat survives")
	require.Eventually(t, func() bool {
		status, got := call(t, s, http.MethodGet, "/seats/B2", "")
		return status == http.StatusOK && got == seat.Seat{}
	}, time.Minute, 100*time.Millisecond, "a hold ends after a crash")

	status, _ = call(t, s, http.MethodGet, "/seats/nowhere", "")
	assert.Equal(t, http.StatusNotFound, status)
	status, _ = call(t, s, http.MethodPost, "/seats/C3/hold", `{"holder":""}`)
	assert.Equal(t, http.StatusBadRequest, status)
}

func call(t *testing.T, s *stack.Stack, method, path, body string) (status int, got seat.Seat) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, bytes.NewBufferString(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, got
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if response.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal(data, &got), "%s", data)
	}
	return response.StatusCode, got
}
