package dapr

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// Previous is the suffix of a key that is accepted beside the named one while keys are rotated.
const Previous = "-previous"

// Keys returns the named keys of one secret, decoded from base64, and those of them with the suffix Previous that the
// secret holds. A store that isn't there yet is waited for until ctx ends; a secret that lacks a key, or holds one of fewer
// than 32 bytes, is an error at once. No key and no part of one gets into an error or the log.
func Keys(ctx context.Context, from Getter, log *slog.Logger, secret string, names ...string) (map[string][]byte, error) {
	values, err := get(ctx, from, log, secret)
	if err != nil {
		if strings.Contains(err.Error(), errNotText) {
			err = fmt.Errorf("key %s isn't text: %w; %s", strings.Join(quoted(names), " or "), err, expectedForm)
		}
		return nil, fmt.Errorf("secret %q of store %q: %w", secret, Store, err)
	}
	keys := make(map[string][]byte, len(names))
	for _, name := range withPrevious(names) {
		text, ok := values[name]
		if !ok && strings.HasSuffix(name, Previous) {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("secret %q of store %q has no key %q", secret, Store, name)
		}
		key, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("key %q of secret %q %w; %s", name, secret, err, expectedForm)
		}
		keys[name] = key
	}
	return keys, nil
}

const expectedForm = "expected is the text that `openssl rand -base64 32` prints, which a Kubernetes Secret's data holds in base64 once more"

func withPrevious(names []string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		all = append(all, name+Previous)
	}
	return all
}

// Accepted are the keys under one name: the one to use, and the previous one if there is any.
func Accepted(keys map[string][]byte, name string) [][]byte {
	accepted := [][]byte{keys[name]}
	if previous, ok := keys[name+Previous]; ok {
		accepted = append(accepted, previous)
	}
	return accepted
}

// decode never quotes the text: its errors are logged.
func decode(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, errors.New("isn't base64")
	case encodedKey.Match(key):
		return nil, errors.New("is encoded in base64 once too often")
	case len(key) < minKey:
		return nil, fmt.Errorf("has %d bytes, %d are needed", len(key), minKey)
	}
	return key, nil
}

// encodedKey matches 32 bytes in base64. As the bytes of a random key that is out of the question.
var encodedKey = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=\s*$`)

// errNotText is what gRPC says of a secret that holds bytes rather than text, without saying which.
const errNotText = "invalid UTF-8"

func quoted(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strconv.Quote(name)
	}
	return all
}

func get(ctx context.Context, from Getter, log *slog.Logger, secret string) (map[string]string, error) {
	for pause, waited := firstPause, false; ; pause, waited = min(2*pause, longest), true {
		call, cancel := context.WithTimeout(ctx, callLimit)
		values, err := from.GetSecret(call, Store, secret, nil)
		cancel()
		if err == nil {
			return values, nil
		}
		if strings.Contains(err.Error(), errNotText) {
			return nil, err // waiting would not change it
		}
		if !waited {
			log.WarnContext(ctx, "waiting for the secret store", "store", Store, "secret", secret, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
