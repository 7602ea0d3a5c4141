// Package secrets fetches a service's keys from a Dapr secret store.
//
// It guarantees that a key it returns has at least 32 bytes, and that no key and no part of one gets into a log or an
// error. A store that isn't there yet is waited for until the caller's context ends; a secret that lacks a key, or holds
// a bad one, is refused at once.
package secrets

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"
)

// Store is the Dapr component that holds the secrets.
const Store = "secrets"

const (
	minKey     = 32
	callLimit  = 5 * time.Second
	firstPause = 100 * time.Millisecond
	longest    = 2 * time.Second
)

// Getter is the part of a Dapr client that reads a secret.
type Getter interface {
	GetSecret(ctx context.Context, store, name string, meta map[string]string) (map[string]string, error)
}

// Keys returns the named keys of one secret, decoded from base64.
func Keys(ctx context.Context, from Getter, log *slog.Logger, secret string, names ...string) (map[string][]byte, error) {
	values, err := get(ctx, from, log, secret)
	if err != nil {
		return nil, fmt.Errorf("secret %q of store %q: %w", secret, Store, err)
	}
	keys := make(map[string][]byte, len(names))
	for _, name := range names {
		text, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("secret %q of store %q has no key %q", secret, Store, name)
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil { // its text would show where the bad byte is
			return nil, fmt.Errorf("key %q of secret %q isn't base64", name, secret)
		}
		if len(key) < minKey {
			return nil, fmt.Errorf("key %q of secret %q has %d bytes, %d are needed", name, secret, len(key), minKey)
		}
		keys[name] = key
	}
	return keys, nil
}

func get(ctx context.Context, from Getter, log *slog.Logger, secret string) (map[string]string, error) {
	for pause, waited := firstPause, false; ; pause, waited = min(2*pause, longest), true {
		call, cancel := context.WithTimeout(ctx, callLimit)
		values, err := from.GetSecret(call, Store, secret, nil)
		cancel()
		if err == nil {
			return values, nil
		}
		if !waited {
			log.WarnContext(ctx, "waiting for the secret store", "store", Store, "secret", secret, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
