package dapr

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"orders/kit/retry"
)

// Store is the name of the Dapr component with the secrets.
const Store = "secrets"

const (
	minKeySize  = 32 // bytes
	callTimeout = 5 * time.Second
	firstPause  = 100 * time.Millisecond
	maxPause    = 2 * time.Second
)

// Getter is the part of the Dapr client that reads a secret.
type Getter interface {
	GetSecret(ctx context.Context, store, name string, meta map[string]string) (map[string]string, error)
}

// Previous is the suffix of the name of a key that is still accepted during a key rotation.
const Previous = "-previous"

// Keys returns the named keys of a secret, decoded from base64. For each name it also returns the key with the suffix
// Previous, if the secret has one. It retries until ctx ends while the secret store is not available, and fails at once if a
// key is missing, is not base64 or has fewer than 32 bytes. Errors and logs contain no part of a key.
func Keys(ctx context.Context, client Getter, log *slog.Logger, secret string, names ...string) (map[string][]byte, error) {
	values, err := get(ctx, client, log, secret)
	if err != nil {
		if strings.Contains(err.Error(), errNotText) {
			err = fmt.Errorf("key %s is not text: %w; %s", strings.Join(quoted(names), " or "), err, expectedFormat)
		}
		return nil, fmt.Errorf("load secret %q of store %q: %w", secret, Store, err)
	}
	keys := make(map[string][]byte, len(names))
	for _, name := range names {
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("load secret %q of store %q: it has no key %q", secret, Store, name)
		}
		for _, name := range []string{name, name + Previous} {
			text, ok := values[name]
			if !ok {
				continue
			}
			if keys[name], err = decode(text); err != nil {
				return nil, fmt.Errorf("load secret %q of store %q: key %q %w; %s", secret, Store, name, err, expectedFormat)
			}
		}
	}
	return keys, nil
}

const expectedFormat = "use the output of `openssl rand -base64 32`; the data field of a Kubernetes Secret has it encoded in base64 a second time"

// Accepted returns the key of a name and, if there is one, the previous key.
func Accepted(keys map[string][]byte, name string) [][]byte {
	accepted := [][]byte{keys[name]}
	if previous, ok := keys[name+Previous]; ok {
		accepted = append(accepted, previous)
	}
	return accepted
}

// decode decodes a key. Its errors are logged, so they do not contain the text.
func decode(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, errors.New("is not base64")
	case encodedKey.Match(key):
		return nil, errors.New("is encoded in base64 twice")
	case len(key) < minKeySize:
		return nil, fmt.Errorf("has %d bytes, %d are needed", len(key), minKeySize)
	}
	return key, nil
}

// encodedKey matches 32 bytes in base64. A random key of 32 bytes does not match.
var encodedKey = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=\s*$`)

// errNotText is part of gRPC's error for a secret with a value that is not UTF-8. The error does not name the value.
const errNotText = "invalid UTF-8"

func quoted(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strconv.Quote(name)
	}
	return all
}

func get(ctx context.Context, client Getter, log *slog.Logger, secret string) (map[string]string, error) {
	for pause, waited := firstPause, false; ; pause, waited = min(2*pause, maxPause), true {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		values, err := client.GetSecret(call, Store, secret, nil)
		cancel()
		if err == nil {
			return values, nil
		}
		if strings.Contains(err.Error(), errNotText) {
			return nil, err // permanent
		}
		if !waited {
			log.WarnContext(ctx, "waiting for the secret store", "store", Store, "secret", secret, "error", err)
		}
		retry.Sleep(ctx, pause)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}
