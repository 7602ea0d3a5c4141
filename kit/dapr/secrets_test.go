package dapr

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// store is a secret store that is available from a point in time on.
type store struct {
	start   time.Time
	secrets map[string]map[string]string
}

func (s store) GetSecret(_ context.Context, _, name string, _ map[string]string) (map[string]string, error) {
	if time.Now().Before(s.start) {
		return nil, errors.New("connection refused")
	}
	secret, ok := s.secrets[name]
	if !ok {
		return nil, errors.New("no such secret")
	}
	return secret, nil
}

var key = bytes.Repeat([]byte{0xfe}, 32)

func TestKeysWaitsForTheStoreAndLogsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		late := store{
			start:   time.Now().Add(time.Minute),
			secrets: map[string]map[string]string{"app": {"one": base64.StdEncoding.EncodeToString(key)}},
		}
		keys, err := Keys(t.Context(), late, slog.New(slog.NewTextHandler(&logged, nil)), "app", "one")
		require.NoError(t, err)
		require.Equal(t, map[string][]byte{"one": key}, keys)
		require.Equal(t, 1, strings.Count(logged.String(), "\n"))
		require.Contains(t, logged.String(), "secret=app")
	})
}

func TestKeysFailsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Keys(ctx, store{}, slog.New(slog.DiscardHandler), "app", "one")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `load secret "app" of store "secrets"`)
		require.ErrorContains(t, err, "no such secret")
	})
}

func TestKeysRejectsBadKeysWithoutPrintingThem(t *testing.T) {
	s := store{secrets: map[string]map[string]string{"app": {
		"short": base64.StdEncoding.EncodeToString(key[1:]),
		"text":  "not base64 at all!",
		"twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(key) + "\n")),
	}}}
	for name, want := range map[string]string{
		"missing": `load secret "app" of store "secrets": it has no key "missing"`,
		"short":   `key "short" has 31 bytes, 32 are needed`,
		"text":    `key "text" is not base64; use the output of ` + "`openssl rand -base64 32`",
		"twice":   `key "twice" is encoded in base64 twice; use`,
	} {
		_, err := Keys(t.Context(), s, slog.New(slog.DiscardHandler), "app", name)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "at all")
	}
}

// rawBytes is a store with a value that is not UTF-8, which gRPC cannot transport.
type rawBytes struct{}

func (rawBytes) GetSecret(context.Context, string, string, map[string]string) (map[string]string, error) {
	return nil, errors.New("rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8")
}

func TestKeysRejectsRawBytesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Keys(t.Context(), rawBytes{}, slog.New(slog.DiscardHandler), "app", "one", "two")
		require.ErrorContains(t, err, `secret "app" of store "secrets": key "one" or "two" is not text`)
		require.ErrorContains(t, err, "openssl rand -base64 32")
		require.Zero(t, time.Since(start))
	})
}

func TestKeysReturnsPreviousKeys(t *testing.T) {
	old := bytes.Repeat([]byte{0xfd}, 32)
	encode := base64.StdEncoding.EncodeToString
	s := store{secrets: map[string]map[string]string{
		"rotating": {"one": encode(key), "one-previous": encode(old), "two": encode(key)},
		"bad":      {"one": encode(key), "one-previous": "short"},
	}}
	keys, err := Keys(t.Context(), s, slog.New(slog.DiscardHandler), "rotating", "one", "two")
	require.NoError(t, err)
	require.Equal(t, [][]byte{key, old}, Accepted(keys, "one"))
	require.Equal(t, [][]byte{key}, Accepted(keys, "two"))
	_, err = Keys(t.Context(), s, slog.New(slog.DiscardHandler), "bad", "one")
	require.ErrorContains(t, err, `"one-previous"`)
}
