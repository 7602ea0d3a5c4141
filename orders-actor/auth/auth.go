// Package auth verifies bearer tokens. It has two verifiers: Dev, for tokens that this service signs itself, and OIDC, for
// tokens of an OpenID Connect issuer.
//
// Both accept pinned signature algorithms only, require the configured issuer and audience and an expiry (with a tolerance
// of Skew), and require a user id that is printable and has at most 255 bytes.
package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// Skew is the tolerated difference between two clocks.
const Skew = time.Minute

const (
	maxToken = 32 << 10 // bytes; tokens with many group claims have 15 KiB and more
	maxUser  = 255      // bytes
)

// Role determines what a user may read and do.
type Role string

// The roles. A Customer reads and cancels their own orders, an Operator all orders.
const (
	Customer Role = "customer"
	Operator Role = "operator"
)

// User is the subject of a valid token.
type User struct {
	ID      string
	Role    Role
	Expires time.Time // of the token, and of the streams opened with it
}

// Verifier verifies a token. The error wraps ErrExpired or ErrInvalid, or ErrUnavailable if the issuer cannot be reached, so
// that the token may be valid.
type Verifier interface {
	Verify(ctx context.Context, token string) (User, error)
}

// The reasons for which a token is not accepted. Clients may see these texts, but not those of errors that wrap them.
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

func checkUser(id string, role Role) (User, error) {
	switch {
	case id == "" || len(id) > maxUser || !utf8.ValidString(id):
		return User{}, fmt.Errorf("%w: its subject is empty, too long or not text", ErrInvalid)
	case !printable(id):
		return User{}, fmt.Errorf("%w: its subject is not printable", ErrInvalid)
	case role != Customer && role != Operator:
		return User{}, fmt.Errorf("%w: its role is unknown", ErrInvalid)
	}
	return User{ID: id, Role: role}, nil
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
