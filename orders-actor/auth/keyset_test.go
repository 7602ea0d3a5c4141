package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/auth"
)

// keysAnsweredBy replaces the issuer's key set endpoint when answer is set, and gives a verifier with a clock of its own.
func (i *issuer) keysAnsweredBy(t *testing.T, answer *atomic.Pointer[http.HandlerFunc]) (*auth.OIDC, func(time.Duration)) {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := answer.Load(); h != nil && r.URL.Path == mockoidc.JWKSEndpoint {
			(*h)(w, r)
			return
		}
		i.Server.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	var mu sync.Mutex
	now := time.Now()
	v := i.verifier(func(o *auth.OIDCConfig) {
		o.Client = &http.Client{Transport: through(front.URL)}
		o.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	return v, func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
}

func handle(h http.HandlerFunc) *http.HandlerFunc { return &h }

// unsigned is a token that no key has signed, with a key id that the issuer has never published.
func (i *issuer) unsigned(t *testing.T, id int) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, i.claims(nil))
	token.Header["kid"] = fmt.Sprint("forged-", id)
	token.Header["alg"] = "RS256"
	text, err := token.SigningString()
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString([]byte("forged"))
}

func TestForgedTokensDoNotBlockKnownKeysWhileTheIssuerHangs(t *testing.T) {
	i := startIssuer(t)
	var answer atomic.Pointer[http.HandlerFunc]
	v, advance := i.keysAnsweredBy(t, &answer)
	good := i.sign(t, nil)
	_, err := v.Verify(t.Context(), good)
	require.NoError(t, err)

	release := make(chan struct{})
	asked := make(chan struct{}, 1000)
	answer.Store(handle(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-release
		w.WriteHeader(http.StatusBadGateway)
	}))
	advance(time.Minute)
	const forged = 300
	errs := make(chan error, forged)
	for n := range forged {
		token := i.unsigned(t, n)
		go func() {
			_, err := v.Verify(t.Context(), token)
			errs <- err
		}()
	}
	<-asked
	// All but a few are refused at once, while the fetch hangs.
	for range forged - 20 {
		require.ErrorIs(t, <-errs, auth.ErrUnavailable)
	}
	_, err = v.Verify(t.Context(), good)
	require.NoError(t, err, "a token with a known key does not wait")
	close(release)
	for range 20 {
		require.ErrorIs(t, <-errs, auth.ErrUnavailable)
	}
	assert.Empty(t, asked, "the issuer was asked once")
}

func TestUnusableKeySetsLeaveTheKnownKeys(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) }))
	defer elsewhere.Close()
	for name, h := range map[string]http.HandlerFunc{
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"no key set": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) },
		"not JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) },
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a secret as a key": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
		},
		"redirect to another host": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"far too large": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"pad":"`))
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := startIssuer(t)
			var answer atomic.Pointer[http.HandlerFunc]
			v, advance := i.keysAnsweredBy(t, &answer)
			answer.Store(handle(h))
			good := i.sign(t, nil)
			_, err := v.Verify(t.Context(), good)
			require.ErrorIs(t, err, auth.ErrUnavailable, "no key is known yet")

			answer.Store(nil)
			advance(10 * time.Second)
			_, err = v.Verify(t.Context(), good)
			require.NoError(t, err)

			answer.Store(handle(h))
			advance(10 * time.Second)
			_, err = v.Verify(t.Context(), i.unsigned(t, 1))
			require.ErrorIs(t, err, auth.ErrUnavailable)
			_, err = v.Verify(t.Context(), good)
			require.NoError(t, err, "the keys from before are still good")
		})
	}
}

func TestClaimsAreReadStrictly(t *testing.T) {
	i := startIssuer(t)
	v := i.verifier()
	sign := func(payload string) string {
		t.Helper()
		token := &jwt.Token{Method: jwt.SigningMethodRS256, Header: map[string]any{"alg": "RS256", "kid": func() string { id, err := i.Keypair.KeyID(); require.NoError(t, err); return id }()}}
		header, err := token.SigningString()
		require.NoError(t, err)
		text := strings.Split(header, ".")[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		signature, err := jwt.SigningMethodRS256.Sign(text, i.Keypair.PrivateKey)
		require.NoError(t, err)
		return text + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	exp := time.Now().Add(time.Hour).Unix()
	base := fmt.Sprintf(`"iss":%q,"aud":%q,"exp":%d`, i.Issuer(), i.ClientID, exp)

	u, err := v.Verify(t.Context(), sign(`{`+base+`,"sub":"alice","SUB":"mallory"}`))
	require.NoError(t, err)
	assert.Equal(t, "alice", u.ID, "claim names are case-sensitive")

	for name, payload := range map[string]string{
		"a subject in other case only": `{` + base + `,"SUB":"alice"}`,
		"an audience in other case":    fmt.Sprintf(`{"iss":%q,"aud":"other","AUD":%q,"exp":%d,"sub":"alice"}`, i.Issuer(), i.ClientID, exp),
		"an expiry in other case":      fmt.Sprintf(`{"iss":%q,"aud":%q,"EXP":%d,"sub":"alice"}`, i.Issuer(), i.ClientID, exp),
		"a subject that comes twice":   `{` + base + `,"sub":"alice","sub":"mallory"}`,
		"nbf as text":                  `{` + base + `,"sub":"alice","nbf":"tomorrow"}`,
		"exp as text":                  fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":"%d","sub":"alice"}`, i.Issuer(), i.ClientID, exp),
		"exp beyond every calendar":    fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":1e300,"sub":"alice"}`, i.Issuer(), i.ClientID),
		"a negative iat":               `{` + base + `,"sub":"alice","iat":-1}`,
		"a subject that is no text":    `{` + base + `,"sub":7}`,
		"two JSON values":              `{` + base + `,"sub":"alice"}{}`,
		"a list":                       `[]`,
	} {
		_, err := v.Verify(t.Context(), sign(payload))
		require.ErrorIs(t, err, auth.ErrInvalid, name)
	}
}

func TestOnlyTheCompactFormOfATokenIsAccepted(t *testing.T) {
	i := startIssuer(t)
	v := i.verifier()
	token := i.sign(t, nil)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	parts := strings.Split(token, ".")
	for name, text := range map[string]string{
		"flattened": fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"general":   fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]),
		"padded":    parts[0] + "." + parts[1] + "." + parts[2] + "=",
	} {
		_, err := v.Verify(t.Context(), text)
		require.ErrorIs(t, err, auth.ErrInvalid, name)
	}
}

func TestATokenWithManyGroupsIsAcceptedUpToTheLimit(t *testing.T) {
	i := startIssuer(t)
	v := i.verifier()
	groups := make([]string, 300)
	for n := range groups {
		groups[n] = fmt.Sprintf("cn=group-%04d,ou=teams,dc=example", n)
	}
	token := i.sign(t, map[string]any{"groups": groups})
	require.Greater(t, len(token), 13_000)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)

	_, err = v.Verify(t.Context(), i.sign(t, map[string]any{"pad": strings.Repeat("x", 30_000)}))
	require.ErrorIs(t, err, auth.ErrTooLong)
	require.ErrorIs(t, err, auth.ErrInvalid)
}
