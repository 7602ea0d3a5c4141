// Package auth turns a bearer token into a User. It has two verifiers: Dev, whose tokens this service signs itself, and
// OIDC, which trusts an OpenID Connect issuer.
//
// Both guarantee that the algorithm is one that was pinned beforehand (never "none", never one that the token chose),
// that issuer and audience are ours, that the token has an expiry and hasn't passed it by more than Skew, and that the
// User has an id that is short and printable.
package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// Skew is how far two clocks may be apart.
const Skew = time.Minute

const (
	maxToken = 32 << 10 // access tokens with many group claims come to 15 KiB and more
	maxUser  = 255
)

// Role says what a user may see and do.
type Role string

// The roles. A Customer has orders of their own; an Operator sees and cancels all.
const (
	Customer Role = "customer"
	Operator Role = "operator"
)

// User is the authenticated caller.
type User struct {
	ID      string
	Role    Role
	Expires time.Time // of the token: streams end then
}

// Verifier checks a token. It returns ErrExpired or ErrInvalid for a bad one, and ErrUnavailable when it can't tell
// because the issuer isn't reachable.
type Verifier interface {
	Verify(ctx context.Context, token string) (User, error)
}

// What is wrong with a token. The text may be shown to the caller; what wraps it may not.
var (
	ErrInvalid     = errors.New("the token is not valid")
	ErrTooLong     = fmt.Errorf("%w: it is longer than %d KiB", ErrInvalid, maxToken>>10)
	ErrExpired     = errors.New("the token has expired")
	ErrUnavailable = errors.New("the token's issuer can't be reached")
)

func checkLength(token string) error {
	if len(token) > maxToken {
		return fmt.Errorf("%w: it has %d bytes, at most %d are accepted", ErrTooLong, len(token), maxToken)
	}
	return nil
}

// claimsError returns the error for a token whose signature or claims the JWT library refuses.
func claimsError(err error) error {
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		return fmt.Errorf("%w: %w", ErrExpired, err)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

func checkUser(id string, role Role, expires *jwt.NumericDate) (User, error) {
	switch {
	case id == "" || len(id) > maxUser || !utf8.ValidString(id):
		return User{}, fmt.Errorf("%w: its subject is empty, too long or not text", ErrInvalid)
	case strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }):
		return User{}, fmt.Errorf("%w: its subject is not printable", ErrInvalid)
	case role != Customer && role != Operator:
		return User{}, fmt.Errorf("%w: its role is unknown", ErrInvalid)
	}
	return User{ID: id, Role: role, Expires: expires.Time}, nil
}
