package onbehalf

import (
	"bytes"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	key   = bytes.Repeat([]byte("k"), MinKey)
	now   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	alice = Claims{OrderID: "order-1", User: "alice", Amount: 900, Currency: "EUR"}
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äß€]{1,40}`)
		c := Claims{
			OrderID: text.Draw(t, "order"), User: text.Draw(t, "user"), Actor: rapid.StringMatching(`[ -~äß€]{0,40}`).Draw(t, "actor"),
			Amount: rapid.Int64Min(0).Draw(t, "amount"), Currency: text.Draw(t, "currency"),
		}
		token, err := Mint(key, c, now)
		require.NoError(t, err)
		// The clocks may differ by Skew.
		skewed := time.Duration(rapid.Int64Range(int64(-Skew), int64(Lifetime+Skew-time.Second)).Draw(t, "clock"))
		got, err := Verify([][]byte{key}, token, now.Add(skewed))
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestVerifyRejectsAnyChangedByte(t *testing.T) {
	token, err := Mint(key, alice, now)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		changed := []byte(token)
		i := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
		changed[i] = rapid.Byte().Filter(func(b byte) bool { return b != token[i] }).Draw(t, "byte")
		got, err := Verify([][]byte{key}, string(changed), now)
		if err == nil { // the last base64 character of a part has unused bits
			require.Equal(t, alice, got)
			return
		}
		require.ErrorIs(t, err, ErrInvalid)
	})
}

func TestVerifyRejects(t *testing.T) {
	amount := int64(900)
	valid := func() payload {
		return payload{
			RegisteredClaims: jwt.RegisteredClaims{
				Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "alice",
				ExpiresAt: jwt.NewNumericDate(now.Add(Lifetime)),
			},
			OrderID: "order-1", Amount: &amount, Currency: "EUR",
		}
	}
	negative := int64(-1)
	for name, test := range map[string]struct {
		method jwt.SigningMethod
		key    any
		change func(*payload)
	}{
		"no signature":      {method: jwt.SigningMethodNone, key: jwt.UnsafeAllowNoneSignatureType},
		"another algorithm": {method: jwt.SigningMethodHS512},
		"another key":       {key: bytes.Repeat([]byte("x"), MinKey)},
		"another audience":  {change: func(p *payload) { p.Audience = jwt.ClaimStrings{"orders"} }},
		"no audience":       {change: func(p *payload) { p.Audience = nil }},
		"another issuer":    {change: func(p *payload) { p.Issuer = "another-app" }},
		"expired":           {change: func(p *payload) { p.ExpiresAt = jwt.NewNumericDate(now.Add(-Skew - time.Second)) }},
		"never expires":     {change: func(p *payload) { p.ExpiresAt = nil }},
		"no user":           {change: func(p *payload) { p.Subject = "" }},
		"no order":          {change: func(p *payload) { p.OrderID = "" }},
		"no amount":         {change: func(p *payload) { p.Amount = nil }},
		"negative amount":   {change: func(p *payload) { p.Amount = &negative }},
		"no currency":       {change: func(p *payload) { p.Currency = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			p := valid()
			if test.change != nil {
				test.change(&p)
			}
			if test.method == nil {
				test.method = jwt.SigningMethodHS256
			}
			if test.key == nil {
				test.key = key
			}
			token, err := jwt.NewWithClaims(test.method, p).SignedString(test.key)
			require.NoError(t, err)
			_, err = Verify([][]byte{key}, token, now)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
}

func TestShortKeysAreRejected(t *testing.T) {
	_, err := Mint(key[:MinKey-1], alice, now)
	require.ErrorContains(t, err, "31 bytes")
	token, err := jwt.New(jwt.SigningMethodHS256).SignedString([]byte{})
	require.NoError(t, err)
	_, err = Verify([][]byte{nil}, token, now)
	require.ErrorIs(t, err, ErrInvalid)
}

func TestMintRejectsIncompleteClaims(t *testing.T) {
	for name, c := range map[string]Claims{
		"no order":        {User: "alice", Amount: 1, Currency: "EUR"},
		"no user":         {OrderID: "order-1", Amount: 1, Currency: "EUR"},
		"no currency":     {OrderID: "order-1", User: "alice", Amount: 1},
		"negative amount": {OrderID: "order-1", User: "alice", Amount: -1, Currency: "EUR"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Mint(key, c, now)
			require.Error(t, err)
		})
	}
}

// FuzzVerify checks that only a signed token verifies, and that no input causes a panic.
func FuzzVerify(f *testing.F) {
	token, err := Mint(key, alice, now)
	require.NoError(f, err)
	f.Add(token)
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := Verify([][]byte{key}, token, now)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		require.Equal(t, alice, got)
	})
}

func TestVerifyAcceptsBothKeysOfARotation(t *testing.T) {
	old, next := bytes.Repeat([]byte("o"), MinKey), bytes.Repeat([]byte("n"), MinKey)
	claims := Claims{OrderID: "1", User: "alice", Amount: 900, Currency: "EUR"}
	for _, signer := range [][]byte{old, next} {
		token, err := Mint(signer, claims, now)
		require.NoError(t, err)
		got, err := Verify([][]byte{next, old}, token, now)
		require.NoError(t, err)
		require.Equal(t, claims, got)
		_, err = Verify([][]byte{key}, token, now)
		require.ErrorIs(t, err, ErrInvalid)
	}
	_, err := Verify(nil, "", now)
	require.ErrorIs(t, err, ErrInvalid)
}
