// Package onbehalf is the short-lived token with which orders-actor asks payments-svc to act on behalf of a user.
//
// It guarantees that a verified token was minted by a holder of the key, for payments-svc, no longer than Lifetime and Skew ago,
// and that it names one user, one order, one amount and one currency: it is of no use for anything else. Only HS256 is
// accepted; what the token itself says of its algorithm decides nothing.
package onbehalf

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer   = "orders-actor"
	audience = "payments-svc"

	// Lifetime is how long a token is good for: one call and its retries.
	Lifetime = time.Minute
	// Skew is how far the clocks of the two services may be apart.
	Skew = 2 * time.Minute
	// MinKey is the fewest bytes of a key that HS256 is worth its name with.
	MinKey = 32
)

// ErrInvalid is wrapped by every error of Verify. Its text is for the log, not for the caller.
var ErrInvalid = errors.New("invalid on-behalf-of token")

// Claims are what a token is bound to. Amount is in minor units of Currency.
type Claims struct {
	OrderID, User string
	Amount        int64
	Currency      string
}

func (c Claims) check() error {
	if c.OrderID == "" || c.User == "" || c.Currency == "" || c.Amount < 0 {
		return errors.New("order, user, amount and currency must be given")
	}
	return nil
}

type payload struct {
	jwt.RegisteredClaims
	OrderID  string `json:"order"`
	Amount   *int64 `json:"amount"` // a pointer tells 0 from absent
	Currency string `json:"currency"`
}

// Mint returns a token for c that ends Lifetime from now.
func Mint(key []byte, c Claims, now time.Time) (string, error) {
	if len(key) < MinKey {
		return "", fmt.Errorf("minting an on-behalf-of token: the key has %d bytes, %d are needed", len(key), MinKey)
	}
	if err := c.check(); err != nil {
		return "", fmt.Errorf("minting an on-behalf-of token: %w", err)
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.User,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(Lifetime)),
		},
		OrderID: c.OrderID, Amount: &c.Amount, Currency: c.Currency,
	}).SignedString(key)
}

// VerifyAny is Verify with several keys, of which one must fit: during a rotation both are accepted.
func VerifyAny(keys [][]byte, token string, now time.Time) (c Claims, err error) {
	err = ErrInvalid
	for _, key := range keys {
		if c, err = Verify(key, token, now); err == nil {
			return c, nil
		}
	}
	return c, err
}

// Verify returns what a token is bound to, or an error that wraps ErrInvalid.
func Verify(key []byte, token string, now time.Time) (Claims, error) {
	if len(key) < MinKey { // an empty key would accept what anybody signs
		return Claims{}, fmt.Errorf("%w: the key has %d bytes, %d are needed", ErrInvalid, len(key), MinKey)
	}
	var p payload
	_, err := jwt.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(Skew),
		jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if p.Amount == nil {
		return Claims{}, fmt.Errorf("%w: it names no amount", ErrInvalid)
	}
	c := Claims{OrderID: p.OrderID, User: p.Subject, Amount: *p.Amount, Currency: p.Currency}
	if err := c.check(); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, nil
}
