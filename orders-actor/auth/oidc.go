package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// algorithms are what an issuer may sign with: asymmetric ones only, so that a public key can't be turned into a secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.PS256, jose.EdDSA}

// OIDCConfig says whom to trust.
type OIDCConfig struct {
	Issuer       string           // URL, exactly as the issuer spells it
	Audience     string           // what the token must be meant for
	RolesClaim   string           // name of the claim that lists the roles, or a path to it: realm_access.roles
	OperatorRole string           // the role in it that makes an Operator; all others are Customers
	Now          func() time.Time // nil for time.Now
	Client       *http.Client     // nil for one with a timeout
}

// OIDC verifies the access tokens (JWT, RFC 9068 and its relatives) of an OpenID Connect issuer. It contacts the issuer
// with the first token, not before, so that the service starts while the issuer is away.
type OIDC struct {
	OIDCConfig
	keys   *keySet
	claims *jwt.Validator
}

// NewOIDC contacts nobody yet.
func NewOIDC(c OIDCConfig) *OIDC {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: issuerTimeout}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OIDC{OIDCConfig: c, keys: newKeySet(c), claims: jwt.NewValidator(
		jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Skew), jwt.WithTimeFunc(c.Now),
	)}
}

// Discover contacts the issuer, unless that was done before.
func (o *OIDC) Discover(ctx context.Context) error {
	if err := o.keys.refresh(ctx, nil, ""); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// TokenEndpoint returns the URL at which the issuer issues tokens; empty before the issuer was reached. Its origin may differ
// from the issuer's.
func (o *OIDC) TokenEndpoint() string {
	o.keys.mu.Lock()
	defer o.keys.mu.Unlock()
	return o.keys.tokenEndpoint
}

// Verify implements Verifier.
func (o *OIDC) Verify(ctx context.Context, token string) (User, error) {
	if err := checkLength(token); err != nil {
		return User{}, err
	}
	// ParseSignedCompact takes the compact form only: a JWS in JSON may carry several payloads' worth of signatures.
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	payload, err := o.keys.verify(ctx, signed)
	switch {
	case errors.Is(err, ErrUnavailable):
		return User{}, err
	case err != nil:
		return User{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	// This decoder takes names as they are written and refuses one that comes twice (RFC 8725, RFC 7519 section 4):
	// encoding/json would let "SUB" replace "sub".
	var claims jwt.MapClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return User{}, fmt.Errorf("%w: its claims are not a JSON object: %w", ErrInvalid, err)
	}
	// Amazon Cognito writes client_id instead of aud into access tokens.
	if client, ok := claims["client_id"]; ok && claims["aud"] == nil {
		claims["aud"] = client
	}
	if claims["token_use"] == "id" || claims["typ"] == "ID" {
		return User{}, fmt.Errorf("%w: it is an ID token, not an access token", ErrInvalid)
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if seconds, ok := claims[name].(float64); ok && (seconds < 0 || seconds > maxNumericDate) {
			return User{}, fmt.Errorf("%w: its %s is not a date", ErrInvalid, name)
		}
	}
	if err := o.claims.Validate(claims); err != nil {
		return User{}, claimsError(err)
	}
	role := Customer
	if slices.Contains(roles(claims, o.RolesClaim), o.OperatorRole) {
		role = Operator
	}
	subject, _ := claims["sub"].(string)
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return User{}, claimsError(err)
	}
	return checkUser(subject, role, expires)
}

// maxNumericDate is the year 9999: what lies beyond it is no date.
const maxNumericDate = 253402300799

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
		return slices.Collect(maps.Keys(v))
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
