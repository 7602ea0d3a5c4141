package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/auth"
)

var (
	key   = []byte("0123456789abcdef0123456789abcdef")
	start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	alice = auth.User{ID: "alice", Role: auth.Customer}
)

func newDev(t testing.TB, now *time.Time) *auth.Dev {
	t.Helper()
	dev, err := auth.NewDev([][]byte{key}, func() time.Time { return *now })
	require.NoError(t, err)
	return dev
}

func TestDevTokenTellsWhoItIs(t *testing.T) {
	now := start
	dev := newDev(t, &now)
	for _, u := range []auth.User{alice, {ID: "otto", Role: auth.Operator}} {
		token, expires, err := dev.Mint(u)
		require.NoError(t, err)
		assert.Equal(t, start.Add(auth.DevLife), expires)
		got, err := dev.Verify(t.Context(), token)
		require.NoError(t, err)
		assert.Equal(t, u.ID, got.ID)
		assert.Equal(t, u.Role, got.Role)
		assert.True(t, expires.Equal(got.Expires))
	}
}

func TestDevTokenExpires(t *testing.T) {
	now := start
	dev := newDev(t, &now)
	token, expires, err := dev.Mint(alice)
	require.NoError(t, err)

	now = expires.Add(auth.Skew - time.Second)
	_, err = dev.Verify(t.Context(), token)
	require.NoError(t, err, "clocks may differ")
	now = expires.Add(auth.Skew + time.Second)
	_, err = dev.Verify(t.Context(), token)
	require.ErrorIs(t, err, auth.ErrExpired)
}

func TestDevRefusesAShortKey(t *testing.T) {
	_, err := auth.NewDev([][]byte{key, key[:31]}, time.Now)
	require.ErrorContains(t, err, "31 bytes")
	_, err = auth.NewDev(nil, time.Now)
	require.Error(t, err)
}

// During a rotation a replica signs with its first key and accepts the tokens of replicas that sign with another one.
func TestDevAcceptsTokensOfEachKey(t *testing.T) {
	now := func() time.Time { return start }
	next := []byte("another key, also of 32 bytes: ok")
	before, err := auth.NewDev([][]byte{key, next}, now)
	require.NoError(t, err)
	after, err := auth.NewDev([][]byte{next, key}, now)
	require.NoError(t, err)
	last, err := auth.NewDev([][]byte{next}, now)
	require.NoError(t, err)
	old, _, err := before.Mint(alice)
	require.NoError(t, err)
	fresh, _, err := after.Mint(alice)
	require.NoError(t, err)

	for _, token := range []string{old, fresh} {
		for _, dev := range []*auth.Dev{before, after} {
			_, err := dev.Verify(t.Context(), token)
			require.NoError(t, err)
		}
	}
	_, err = last.Verify(t.Context(), fresh)
	require.NoError(t, err)
	_, err = last.Verify(t.Context(), old)
	require.ErrorIs(t, err, auth.ErrInvalid)
}

func TestDevRefuses(t *testing.T) {
	good := func() jwt.MapClaims {
		return jwt.MapClaims{
			"iss": "orders-dev", "aud": "orders", "sub": "alice", "role": "customer",
			"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		}
	}
	with := func(name string, value any) jwt.MapClaims {
		claims := good()
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return claims
	}
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		require.NoError(t, err)
		return token
	}
	hs256 := func(claims jwt.MapClaims) string { return sign(jwt.SigningMethodHS256, key, claims) }
	now := start
	dev := newDev(t, &now)
	_, err := dev.Verify(t.Context(), hs256(good()))
	require.NoError(t, err, "what the table changes is good at first")

	for name, token := range map[string]string{
		"nothing":                   "",
		"not a token":               "a.b.c",
		"another key":               sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), good()),
		"another key, expired":      sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), with("exp", 1)),
		"another algorithm":         sign(jwt.SigningMethodHS512, key, good()),
		"alg=none":                  sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"a signature cut off":       hs256(good())[:strings.LastIndex(hs256(good()), ".")+1],
		"another issuer":            hs256(with("iss", "mallory")),
		"another audience":          hs256(with("aud", "payments-svc")),
		"no audience":               hs256(with("aud", nil)),
		"no expiry":                 hs256(with("exp", nil)),
		"not valid yet":             hs256(with("nbf", start.Add(time.Hour).Unix())),
		"issued in the future":      hs256(with("iat", start.Add(time.Hour).Unix())),
		"no subject":                hs256(with("sub", nil)),
		"a subject of many letters": hs256(with("sub", strings.Repeat("a", 256))),
		"a subject with a newline":  hs256(with("sub", "alice\nadmin")),
		"an unknown role":           hs256(with("role", "root")),
		"no role":                   hs256(with("role", nil)),
		"far too long":              hs256(with("pad", strings.Repeat("a", 40_000))),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dev.Verify(t.Context(), token)
			require.ErrorIs(t, err, auth.ErrInvalid)
		})
	}
}

// FuzzDevVerify looks for a token that we didn't sign and that passes all the same.
func FuzzDevVerify(f *testing.F) {
	now := start
	dev := newDev(f, &now)
	token, _, err := dev.Mint(alice)
	require.NoError(f, err)
	parts := strings.Split(token, ".")
	f.Add(token)
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, forged string) {
		u, err := dev.Verify(t.Context(), forged)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrInvalid)
			return
		}
		require.Equal(t, alice.ID, u.ID)
		require.Equal(t, alice.Role, u.Role)
		require.Equal(t, parts[:2], strings.Split(forged, ".")[:2])
	})
}
