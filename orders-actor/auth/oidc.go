package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// algorithms are the accepted signature algorithms. All are asymmetric, so that a public key cannot be used as an HMAC secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.PS256, jose.EdDSA}

// OIDCConfig configures an OIDC verifier.
type OIDCConfig struct {
	Issuer       string           // URL, exactly as in the claim iss
	Audience     string           // required in the claim aud
	RolesClaim   string           // name of the claim with the roles, or a path such as realm_access.roles
	OperatorRole string           // users with this role are Operators, all others Customers
	Now          func() time.Time // nil for time.Now
	Client       *http.Client     // nil for one with a timeout
}

// OIDC verifies access tokens of an OpenID Connect issuer: JWTs as in RFC 9068. It connects to the issuer with the first
// token, so that the service can start while the issuer is unavailable.
type OIDC struct {
	OIDCConfig
	keys *keySet
}

// NewOIDC returns an OIDC. It does not connect to the issuer.
func NewOIDC(c OIDCConfig) *OIDC {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: issuerTimeout}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OIDC{OIDCConfig: c, keys: newKeySet(c.Issuer, c.Client, c.Now)}
}

// Verify implements Verifier.
func (o *OIDC) Verify(ctx context.Context, token string) (User, error) {
	if err := checkLength(token); err != nil {
		return User{}, err
	}
	// Accept the compact form only: a JWS in JSON may have several signatures.
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
	// This decoder compares names case-sensitively and rejects duplicates (RFC 8725, RFC 7519 section 4). With encoding/json
	// "SUB" would replace "sub".
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return User{}, fmt.Errorf("%w: its claims are not a JSON object: %w", ErrInvalid, err)
	}
	expires, err := o.check(claims)
	if err != nil {
		return User{}, err
	}
	role := Customer
	if slices.Contains(roles(claims, o.RolesClaim), o.OperatorRole) {
		role = Operator
	}
	subject, _ := claims["sub"].(string)
	u, err := checkUser(subject, role)
	u.Expires = expires
	return u, err
}

// check verifies issuer, audience and times, and returns the expiry.
func (o *OIDC) check(claims map[string]any) (expires time.Time, _ error) {
	if issuer, _ := claims["iss"].(string); issuer != o.Issuer {
		return expires, fmt.Errorf("%w: it is of another issuer", ErrInvalid)
	}
	if !hasAudience(claims["aud"], o.Audience) {
		return expires, fmt.Errorf("%w: it is meant for another audience", ErrInvalid)
	}
	now := o.Now()
	expires, ok, err := numericDate(claims, "exp")
	switch {
	case err != nil:
		return expires, err
	case !ok:
		return expires, fmt.Errorf("%w: it has no expiry", ErrInvalid)
	case now.After(expires.Add(Skew)):
		return expires, ErrExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		at, ok, err := numericDate(claims, name)
		if err != nil {
			return expires, err
		}
		if ok && now.Add(Skew).Before(at) {
			return expires, fmt.Errorf("%w: its %s is in the future", ErrInvalid, name)
		}
	}
	return expires, nil
}

// hasAudience accepts a string or a list of strings (RFC 7519 section 4.1.3).
func hasAudience(claim any, want string) bool {
	switch v := claim.(type) {
	case string:
		return v == want
	case []any:
		return slices.Contains(v, any(want))
	}
	return false
}

// maxNumericDate is the end of the year 9999.
const maxNumericDate = 253402300799

// numericDate returns a claim in seconds since 1970 (RFC 7519 section 2), or false if the token has no such claim.
func numericDate(claims map[string]any, name string) (time.Time, bool, error) {
	value, ok := claims[name]
	if !ok {
		return time.Time{}, false, nil
	}
	seconds, ok := value.(float64)
	if !ok || seconds < 0 || seconds > maxNumericDate {
		return time.Time{}, false, fmt.Errorf("%w: its %s is not a date", ErrInvalid, name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// roles returns the roles in the claim with this name or path. Issuers write roles as a list, as a string with spaces between
// them, or as the keys of an object.
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

// claim tries the whole name before the path: names such as https://example.com/roles contain dots.
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
