package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// algorithms are what an issuer may sign with: asymmetric ones only, so that a public key can't be turned into a secret.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.PS256, oidc.EdDSA}

const (
	issuerTimeout = 10 * time.Second
	issuerPause   = 5 * time.Second // between two tries to reach an issuer that was away
)

// OIDCConfig says whom to trust.
type OIDCConfig struct {
	Issuer       string           // URL, exactly as the issuer spells it
	Audience     string           // what the token must be meant for
	RolesClaim   string           // name of the claim that lists the roles, or a path to it: realm_access.roles
	OperatorRole string           // the role in it that makes an Operator; all others are Customers
	Now          func() time.Time // nil for time.Now
	Client       *http.Client     // nil for one with a timeout
}

// OIDC verifies the access tokens (JWT) of an OpenID Connect issuer. It finds the issuer's keys by discovery, the first
// time that it is asked, so that the service starts while the issuer is away; and fetches them again when a token is
// signed with one that it doesn't know, so that the issuer may rotate them.
type OIDC struct {
	OIDCConfig

	mu       sync.Mutex // held during discovery: one at a time, all others wait for it
	verifier *oidc.IDTokenVerifier
	failed   error
	retryAt  time.Time
}

// NewOIDC contacts nobody yet.
func NewOIDC(c OIDCConfig) *OIDC {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: issuerTimeout}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OIDC{OIDCConfig: c}
}

// Verify implements Verifier.
func (o *OIDC) Verify(ctx context.Context, token string) (User, error) {
	if len(token) > maxToken {
		return User{}, fmt.Errorf("%w: it is too long", ErrInvalid)
	}
	verifier, err := o.discover(ctx)
	if err != nil {
		return User{}, err
	}
	t, err := verifier.Verify(oidc.ClientContext(ctx, o.Client), token)
	if err != nil {
		if isFetch(err) {
			return User{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return User{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := o.checkTimes(t, claims); err != nil {
		return User{}, err
	}
	role := Customer
	if slices.Contains(roles(claims, o.RolesClaim), o.OperatorRole) {
		role = Operator
	}
	return checkUser(t.Subject, role)
}

// checkTimes does what go-oidc does without leeway.
func (o *OIDC) checkTimes(t *oidc.IDToken, claims map[string]any) error {
	now := o.Now()
	if t.Expiry.Unix() <= 0 {
		return fmt.Errorf("%w: it has no expiry", ErrInvalid)
	}
	if now.After(t.Expiry.Add(Skew)) {
		return ErrExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		if at, ok := claims[name].(float64); ok && now.Add(Skew).Before(time.Unix(int64(at), 0)) {
			return fmt.Errorf("%w: its %s is in the future", ErrInvalid, name)
		}
	}
	return nil
}

func (o *OIDC) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.verifier != nil {
		return o.verifier, nil
	}
	if o.failed != nil && o.Now().Before(o.retryAt) {
		return nil, o.failed
	}
	// The first caller's leaving must not fail those who wait for the same answer.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.Client), o.Issuer)
	if err != nil {
		o.failed, o.retryAt = fmt.Errorf("%w: %w", ErrUnavailable, err), o.Now().Add(issuerPause)
		return nil, o.failed
	}
	o.verifier = provider.Verifier(&oidc.Config{ClientID: o.Audience, SupportedSigningAlgs: algorithms, SkipExpiryCheck: true, Now: o.Now})
	return o.verifier, nil
}

// isFetch tells a key set that couldn't be fetched from a token that is bad; go-oidc has no type for it.
func isFetch(err error) bool {
	return strings.Contains(err.Error(), "fetching keys") || errors.Is(err, context.DeadlineExceeded)
}

// roles reads the claim called name, or the one that name is the path to. Issuers write roles as a list, as one string
// (with blanks between them), or as the keys of an object.
func roles(claims map[string]any, name string) []string {
	switch v := claim(claims, name).(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	case map[string]any:
		var list []string
		for role := range v {
			list = append(list, role)
		}
		return list
	}
	return nil
}

// claim takes the whole name first: names such as https://example.com/roles hold dots themselves.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := claims[name[:i]].(map[string]any); ok {
			if v := claim(inner, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}
