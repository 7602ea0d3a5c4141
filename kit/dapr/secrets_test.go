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

// store is a secret store that answers from a certain time on.
type store struct {
	from    time.Time
	secrets map[string]map[string]string
}

func (s store) GetSecret(_ context.Context, _, name string, _ map[string]string) (map[string]string, error) {
	if time.Now().Before(s.from) {
		return nil, errors.New("connection refused")
	}
	secret, ok := s.secrets[name]
	if !ok {
		return nil, errors.New("no such secret")
	}
	return secret, nil
}

var good = bytes.Repeat([]byte{0xfe}, 32)

func TestALateStoreIsWaitedForAndToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		late := store{
			from:    time.Now().Add(time.Minute),
			secrets: map[string]map[string]string{"app": {"one": base64.StdEncoding.EncodeToString(good)}},
		}
		keys, err := Keys(t.Context(), late, slog.New(slog.NewTextHandler(&logged, nil)), "app", "one")
		require.NoError(t, err)
		require.Equal(t, map[string][]byte{"one": good}, keys)
		require.Equal(t, 1, strings.Count(logged.String(), "\n"))
		require.Contains(t, logged.String(), "secret=app")
	})
}

func TestTheWaitEndsWithTheContextAndNamesTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Keys(ctx, store{}, slog.New(slog.DiscardHandler), "app", "one")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `secret "app" of store "secrets"`)
		require.ErrorContains(t, err, "no such secret")
	})
}

func TestBadKeysAreRefusedByNameWithoutTheirValue(t *testing.T) {
	s := store{secrets: map[string]map[string]string{"app": {
		"short": base64.StdEncoding.EncodeToString(good[1:]),
		"text":  "not base64 at all!",
		"twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(good) + "\n")),
	}}}
	for name, want := range map[string]string{
		"missing": `has no key "missing"`,
		"short":   `key "short" of secret "app" has 31 bytes, 32 are needed`,
		"text":    `key "text" of secret "app" isn't base64; expected is the text that ` + "`openssl rand -base64 32`",
		"twice":   `key "twice" of secret "app" is encoded in base64 once too often; expected`,
	} {
		_, err := Keys(t.Context(), s, slog.New(slog.DiscardHandler), "app", name)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "at all")
	}
}

// gRPC refuses to carry a Secret of raw bytes, on every try.
type rawBytes struct{}

func (rawBytes) GetSecret(context.Context, string, string, map[string]string) (map[string]string, error) {
	return nil, errors.New("rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8")
}

func TestKeysOfRawBytesAreRefusedAtOnceWithTheExpectedForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Keys(t.Context(), rawBytes{}, slog.New(slog.DiscardHandler), "app", "one", "two")
		require.ErrorContains(t, err, `secret "app" of store "secrets": key "one" or "two" isn't text`)
		require.ErrorContains(t, err, "openssl rand -base64 32")
		require.Zero(t, time.Since(start))
	})
}

func TestThePreviousKeyIsReadWhereTheSecretHoldsOne(t *testing.T) {
	old := bytes.Repeat([]byte{0xfd}, 32)
	encode := base64.StdEncoding.EncodeToString
	s := store{secrets: map[string]map[string]string{
		"rotating": {"one": encode(good), "one-previous": encode(old), "two": encode(good)},
		"bad":      {"one": encode(good), "one-previous": "short"},
	}}
	keys, err := Keys(t.Context(), s, slog.New(slog.DiscardHandler), "rotating", "one", "two")
	require.NoError(t, err)
	require.Equal(t, [][]byte{good, old}, Accepted(keys, "one"))
	require.Equal(t, [][]byte{good}, Accepted(keys, "two"))
	_, err = Keys(t.Context(), s, slog.New(slog.DiscardHandler), "bad", "one")
	require.ErrorContains(t, err, `"one-previous"`)
}
