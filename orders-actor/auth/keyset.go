package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	issuerTimeout = 10 * time.Second
	issuerPause   = 5 * time.Second // between two requests to the issuer
	maxDocument   = 1 << 20         // bytes of a discovery document or key set
	maxWaiting    = 16              // tokens that wait for the issuer at once
)

var errNoKey = errors.New("no key of the issuer has signed it")

// keySet holds the issuer's signing keys. It fetches them with the first token, and again for a token whose key id it
// does not know: one fetch at a time, at most one every issuerPause. A fetch that brings no usable key leaves the keys
// as they are.
//
// Tokens that wait for a fetch hold a place each, of maxWaiting: forged ones cannot occupy the whole server while the
// issuer is slow, and tokens with a known key never wait.
type keySet struct {
	issuer  string
	client  *http.Client
	now     func() time.Time
	waiting chan struct{}
	fetch   chan struct{} // holds one token while a fetch runs

	fetched time.Time // when the last fetch ended; guarded by fetch
	failed  error     // of the last fetch; guarded by fetch

	mu            sync.Mutex
	keys          []jose.JSONWebKey
	tokenEndpoint string // URL
}

func newKeySet(c OIDCConfig) *keySet {
	return &keySet{
		issuer: c.Issuer, client: bounded(c.Client), now: c.Now,
		waiting: make(chan struct{}, maxWaiting), fetch: make(chan struct{}, 1),
	}
}

// verify returns the payload that one of the issuer's keys has signed. It returns ErrUnavailable when the keys cannot
// be had, and errNoKey when none of them fits.
func (k *keySet) verify(ctx context.Context, token *jose.JSONWebSignature) ([]byte, error) {
	id := token.Signatures[0].Header.KeyID
	candidates := k.find(id)
	if payload, ok := verifyAny(token, candidates); ok {
		return payload, nil
	}
	if len(candidates) > 0 && id != "" {
		return nil, errNoKey
	}
	if err := k.refresh(ctx, candidates, id); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if payload, ok := verifyAny(token, k.find(id)); ok {
		return payload, nil
	}
	return nil, errNoKey
}

func verifyAny(token *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	for _, key := range keys {
		if payload, err := token.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// find returns the keys with this id, or all of them for a token that names none.
func (k *keySet) find(id string) []jose.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []jose.JSONWebKey
	for _, key := range k.keys {
		if id == "" || key.KeyID == id {
			found = append(found, key)
		}
	}
	return found
}

// refresh fetches the keys, unless another caller has already fetched keys other than tried. Within issuerPause of the last
// fetch it fails: a key that was published since then is still unknown, and its tokens must not be called invalid.
func (k *keySet) refresh(ctx context.Context, tried []jose.JSONWebKey, id string) error {
	select {
	case k.waiting <- struct{}{}:
		defer func() { <-k.waiting }()
	default:
		return errors.New("too many tokens wait for the issuer's keys")
	}
	select {
	case k.fetch <- struct{}{}:
		defer func() { <-k.fetch }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(k.find(id)) > len(tried) {
		return nil
	}
	if !k.fetched.IsZero() && k.now().Sub(k.fetched) < issuerPause {
		return cmp.Or(k.failed, errors.New("the issuer's keys were fetched a moment ago"))
	}
	// The first caller's leaving must not fail those who wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerTimeout)
	defer cancel()
	keys, tokenEndpoint, err := k.load(ctx)
	k.fetched, k.failed = k.now(), err
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.tokenEndpoint = keys, tokenEndpoint
	return nil
}

// load returns the keys and the token endpoint of the issuer. Discovery is repeated with each fetch, which is rare: the key
// set may move.
func (k *keySet) load(ctx context.Context) ([]jose.JSONWebKey, string, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, "", fmt.Errorf("discover issuer: %w", err)
	}
	var where struct {
		URL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, "", fmt.Errorf("discover issuer: %w", err)
	}
	keys, err := k.loadKeys(ctx, where.URL)
	return keys, provider.Endpoint().TokenURL, err
}

func (k *keySet) loadKeys(ctx context.Context, url string) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch keys: %s", response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// Keys of a kind that we don't know, or that are for encryption, are not ours to refuse.
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("fetch keys: the key set holds no usable key")
	}
	return keys, nil
}

// bounded is a copy of client that reads at most maxDocument bytes of an answer and follows no redirect to another host.
func bounded(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
			return fmt.Errorf("the issuer redirects to %s", r.URL.Host)
		}
		return nil
	}
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = limited{next}
	return &c
}

type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxDocument), response.Body}
	return response, nil
}
