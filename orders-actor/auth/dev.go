package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DevLife is how long a dev token is good for.
const DevLife = 12 * time.Hour

const (
	devIssuer   = "orders-dev"
	devAudience = "orders"
	minKey      = 32 // bytes, as many as HS256 puts out
)

// Dev signs and verifies tokens with keys of its own (HS256). It lets every client sign in as any user: for trying things out only.
type Dev struct {
	key    []byte                 // signs
	keys   jwt.VerificationKeySet // verify
	now    func() time.Time
	parser *jwt.Parser
}

type devClaims struct {
	Role Role `json:"role"`
	jwt.RegisteredClaims
}

// NewDev returns a Dev that signs with the first key and accepts all of them. It refuses a key that is too short.
func NewDev(keys [][]byte, now func() time.Time) (*Dev, error) {
	accepted := jwt.VerificationKeySet{}
	for _, key := range keys {
		if len(key) < minKey {
			return nil, fmt.Errorf("the dev token key has %d bytes, needs at least %d", len(key), minKey)
		}
		accepted.Keys = append(accepted.Keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no dev token key")
	}
	return &Dev{key: keys[0], keys: accepted, now: now, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(devIssuer), jwt.WithAudience(devAudience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Skew), jwt.WithTimeFunc(now),
	)}, nil
}

// Mint returns a token for u and when it expires.
func (d *Dev) Mint(u User) (token string, expires time.Time, err error) {
	now := d.now().UTC().Truncate(time.Second)
	expires = now.Add(DevLife)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, devClaims{Role: u.Role, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: devIssuer, Audience: jwt.ClaimStrings{devAudience}, Subject: u.ID,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
	}}).SignedString(d.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign a dev token: %w", err)
	}
	return token, expires, nil
}

// Verify implements Verifier.
func (d *Dev) Verify(_ context.Context, token string) (User, error) {
	if err := checkLength(token); err != nil {
		return User{}, err
	}
	var claims devClaims
	_, err := d.parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return d.keys, nil })
	if err != nil {
		return User{}, claimsError(err)
	}
	return checkUser(claims.Subject, claims.Role, claims.ExpiresAt)
}
