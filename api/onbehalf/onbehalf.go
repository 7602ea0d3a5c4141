// Package onbehalf creates and verifies the on-behalf-of tokens of calls from orders-actor to payments-svc.
//
// A token is a JWT that is signed with a key of both services. It expires after Lifetime, and is bound to one user, order,
// amount and currency. Verify accepts only HS256, whatever algorithm the token's header names.
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

	// Lifetime is the time until a token expires: enough for one call.
	Lifetime = time.Minute
	// Skew is the allowed difference between the clocks of the two services.
	Skew = 2 * time.Minute
	// MinKey is the minimum size of a key in bytes.
	MinKey = 32
)

// ErrInvalid is wrapped by all errors of Verify. The texts are for logs, not for clients.
var ErrInvalid = errors.New("invalid on-behalf-of token")

// Claims are the contents of a token. Amount is in minor units of Currency.
type Claims struct {
	OrderID  string
	User     string // the order's customer, who pays
	Actor    string // the operator who created the order for the customer; otherwise empty
	Amount   int64
	Currency string
}

func (c Claims) check() error {
	if c.OrderID == "" || c.User == "" || c.Currency == "" || c.Amount < 0 {
		return errors.New("order, user, amount or currency is missing")
	}
	return nil
}

type payload struct {
	jwt.RegisteredClaims
	OrderID  string `json:"order"`
	Amount   *int64 `json:"amount"` // nil if absent
	Currency string `json:"currency"`
	Actor    *actor `json:"act,omitempty"`
}

// actor is the claim of RFC 8693, section 4.1: who acts for the subject.
type actor struct {
	Subject string `json:"sub"`
}

// Mint returns a token with the claims that expires after Lifetime.
func Mint(key []byte, c Claims, now time.Time) (string, error) {
	if len(key) < MinKey {
		return "", fmt.Errorf("mint on-behalf-of token: the key has %d bytes, %d are needed", len(key), MinKey)
	}
	if err := c.check(); err != nil {
		return "", fmt.Errorf("mint on-behalf-of token: %w", err)
	}
	var act *actor
	if c.Actor != "" {
		act = &actor{Subject: c.Actor}
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.User,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(Lifetime)),
		},
		OrderID: c.OrderID, Amount: &c.Amount, Currency: c.Currency, Actor: act,
	}).SignedString(key)
}

// Verify returns the claims of a token that is signed with one of the keys, or an error that wraps ErrInvalid. During a key
// rotation there are two keys.
func Verify(keys [][]byte, token string, now time.Time) (Claims, error) {
	var set jwt.VerificationKeySet
	for _, key := range keys {
		if len(key) < MinKey { // an empty key would verify tokens that anyone can sign
			return Claims{}, fmt.Errorf("%w: the key has %d bytes, %d are needed", ErrInvalid, len(key), MinKey)
		}
		set.Keys = append(set.Keys, key)
	}
	var p payload
	_, err := jwt.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return set, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(Skew),
		jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if p.Amount == nil {
		return Claims{}, fmt.Errorf("%w: no amount", ErrInvalid)
	}
	c := Claims{OrderID: p.OrderID, User: p.Subject, Amount: *p.Amount, Currency: p.Currency}
	if p.Actor != nil {
		c.Actor = p.Actor.Subject
	}
	if err := c.check(); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, nil
}
