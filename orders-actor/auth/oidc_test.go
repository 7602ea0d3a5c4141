package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/auth"
)

// issuer is an OpenID Connect server on a port of its own: discovery, key set, authorization-code flow with PKCE.
type issuer struct {
	*mockoidc.MockOIDC
	fetches atomic.Int32 // of the key set
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	server, err := mockoidc.NewServer(newKey(t))
	require.NoError(t, err)
	i := &issuer{MockOIDC: server}
	require.NoError(t, server.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == mockoidc.JWKSEndpoint {
				i.fetches.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}))
	l := httptest.NewUnstartedServer(nil).Listener
	require.NoError(t, server.Start(l, nil))
	t.Cleanup(func() { assert.NoError(t, server.Shutdown()) })
	return i
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// rotate replaces the signing key, as issuers do now and then.
func (i *issuer) rotate(t *testing.T) {
	t.Helper()
	pair, err := mockoidc.NewKeypair(newKey(t))
	require.NoError(t, err)
	i.Keypair = pair
}

func (i *issuer) verifier(change ...func(*auth.OIDCConfig)) *auth.OIDC {
	config := auth.OIDCConfig{
		Issuer: i.Issuer(), Audience: i.ClientID, RolesClaim: "roles", OperatorRole: "operator",
	}
	for _, c := range change {
		c(&config)
	}
	return auth.NewOIDC(config)
}

func (i *issuer) claims(change map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": i.Issuer(), "aud": i.ClientID, "sub": "alice", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (i *issuer) sign(t *testing.T, change map[string]any) string {
	t.Helper()
	token, err := i.Keypair.SignJWT(i.claims(change))
	require.NoError(t, err)
	return token
}

// signIn walks the authorization-code flow with PKCE, as the browser does, and returns the access token.
func (i *issuer) signIn(t *testing.T, user string) string {
	t.Helper()
	const redirect, verifier = "http://127.0.0.1/callback", "a-verifier-of-at-least-43-characters-for-this-test"
	challenge := sha256.Sum256([]byte(verifier))
	i.QueueUser(&mockoidc.MockUser{Subject: user})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(i.AuthorizationEndpoint() + "?" + url.Values{
		"scope": {"openid"}, "state": {"s"}, "client_id": {i.ClientID}, "response_type": {"code"}, "redirect_uri": {redirect},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	back, err := res.Location()
	require.NoError(t, err)

	res, err = client.PostForm(i.TokenEndpoint(), url.Values{
		"client_id": {i.ClientID}, "client_secret": {i.ClientSecret}, "grant_type": {"authorization_code"},
		"code": {back.Query().Get("code")}, "code_verifier": {verifier},
	})
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var tokens struct {
		Access string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&tokens))
	require.NotEmpty(t, tokens.Access)
	return tokens.Access
}

func TestOIDCSignIn(t *testing.T) {
	i := startIssuer(t)
	u, err := i.verifier().Verify(t.Context(), i.signIn(t, "alice"))
	require.NoError(t, err)
	assert.Equal(t, "alice", u.ID)
	assert.Equal(t, auth.Customer, u.Role)
	assert.WithinDuration(t, time.Now(), u.Expires, 24*time.Hour)
}

// Amazon Cognito writes client_id instead of aud into access tokens, and token_use into both kinds.
func TestOIDCAcceptsClientInsteadOfAudience(t *testing.T) {
	i := startIssuer(t)
	v := i.verifier(func(o *auth.OIDCConfig) { o.RolesClaim = "cognito:groups" })
	u, err := v.Verify(t.Context(), i.sign(t, map[string]any{
		"aud": nil, "client_id": i.ClientID, "token_use": "access", "cognito:groups": []string{"operator"},
	}))
	require.NoError(t, err)
	assert.Equal(t, auth.Operator, u.Role)

	for name, claims := range map[string]map[string]any{
		"another client":                    {"aud": nil, "client_id": "other"},
		"no client":                         {"aud": nil},
		"our client, but another audience":  {"aud": "other", "client_id": i.ClientID},
		"our client, but an empty audience": {"aud": []string{}, "client_id": i.ClientID},
		"our client is not text":            {"aud": nil, "client_id": 7},
		"an ID token of Cognito":            {"token_use": "id"},
		"an ID token of Keycloak":           {"typ": "ID"},
		"another client in the list":        {"aud": nil, "client_id": []string{"other"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), i.sign(t, claims))
			require.ErrorIs(t, err, auth.ErrInvalid)
		})
	}
}

func TestOIDCDiscoversTheTokenEndpoint(t *testing.T) {
	i := startIssuer(t)
	v := i.verifier()
	assert.Empty(t, v.TokenEndpoint())
	require.NoError(t, v.Discover(t.Context()))
	assert.Equal(t, i.TokenEndpoint(), v.TokenEndpoint())
	require.NoError(t, v.Discover(t.Context()))
	assert.EqualValues(t, 1, i.fetches.Load(), "the issuer is asked once")
	require.NoError(t, i.Shutdown())
	require.ErrorIs(t, i.verifier().Discover(t.Context()), auth.ErrUnavailable)
}

func TestOIDCFollowsKeyRotation(t *testing.T) {
	i := startIssuer(t)
	now := time.Now()
	v := i.verifier(func(o *auth.OIDCConfig) { o.Now = func() time.Time { return now } })
	for range 3 {
		_, err := v.Verify(t.Context(), i.sign(t, nil))
		require.NoError(t, err)
	}
	assert.EqualValues(t, 1, i.fetches.Load(), "keys are fetched once")

	old := i.sign(t, nil)
	i.rotate(t)
	_, err := v.Verify(t.Context(), i.sign(t, nil))
	require.ErrorIs(t, err, auth.ErrUnavailable, "the keys were fetched a moment ago: nobody can tell yet")
	now = now.Add(5 * time.Second)
	_, err = v.Verify(t.Context(), i.sign(t, nil))
	require.NoError(t, err)
	assert.EqualValues(t, 2, i.fetches.Load())
	now = now.Add(5 * time.Second)
	_, err = v.Verify(t.Context(), old)
	require.ErrorIs(t, err, auth.ErrInvalid, "a key that was withdrawn counts no more")
}

func TestOIDCRoles(t *testing.T) {
	i := startIssuer(t)
	for name, c := range map[string]struct {
		claim string
		given map[string]any
		role  auth.Role
	}{
		"no claim":               {"roles", nil, auth.Customer},
		"a list":                 {"roles", map[string]any{"roles": []string{"clerk", "operator"}}, auth.Operator},
		"a list without it":      {"roles", map[string]any{"roles": []any{"clerk", 7}}, auth.Customer},
		"one string":             {"roles", map[string]any{"roles": "operator"}, auth.Operator},
		"a string with blanks":   {"scope", map[string]any{"scope": "openid operator"}, auth.Operator},
		"part of a word":         {"roles", map[string]any{"roles": "cooperator"}, auth.Customer},
		"an object":              {"roles", map[string]any{"roles": map[string]any{"operator": map[string]any{"org": "1"}}}, auth.Operator},
		"a path":                 {"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []string{"operator"}}}, auth.Operator},
		"a path that ends early": {"realm_access.roles", map[string]any{"realm_access": "operator"}, auth.Customer},
		"a name with dots":       {"https://example.com/roles", map[string]any{"https://example.com/roles": []string{"operator"}}, auth.Operator},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier(func(o *auth.OIDCConfig) { o.RolesClaim = c.claim })
			u, err := v.Verify(t.Context(), i.sign(t, c.given))
			require.NoError(t, err)
			assert.Equal(t, c.role, u.Role)
		})
	}
}

func TestOIDCRefuses(t *testing.T) {
	i := startIssuer(t)
	now := time.Now()
	signed := func(method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, i.claims(nil))
		kid, err := i.Keypair.KeyID()
		require.NoError(t, err)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"expired":                    {i.sign(t, map[string]any{"exp": now.Add(-2 * auth.Skew).Unix()}), auth.ErrExpired},
		"no expiry":                  {i.sign(t, map[string]any{"exp": nil}), auth.ErrInvalid},
		"not valid yet":              {i.sign(t, map[string]any{"nbf": now.Add(2 * auth.Skew).Unix()}), auth.ErrInvalid},
		"issued in the future":       {i.sign(t, map[string]any{"iat": now.Add(2 * auth.Skew).Unix()}), auth.ErrInvalid},
		"another audience":           {i.sign(t, map[string]any{"aud": "shop"}), auth.ErrInvalid},
		"another issuer":             {i.sign(t, map[string]any{"iss": "https://example.com"}), auth.ErrInvalid},
		"no subject":                 {i.sign(t, map[string]any{"sub": nil}), auth.ErrInvalid},
		"alg=none":                   {signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), auth.ErrInvalid},
		"another key by the same id": {signed(jwt.SigningMethodRS256, newKey(t)), auth.ErrInvalid},
		"the public key as a secret": {signed(jwt.SigningMethodHS256, i.Keypair.PublicKey.N.Bytes()), auth.ErrInvalid},
		"not a token":                {"hello", auth.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := i.verifier().Verify(t.Context(), c.token)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestOIDCAllowsForClocks(t *testing.T) {
	i := startIssuer(t)
	now := time.Now()
	for name, change := range map[string]map[string]any{
		"just expired":         {"exp": now.Add(-auth.Skew / 2).Unix()},
		"valid in a moment":    {"nbf": now.Add(auth.Skew / 2).Unix()},
		"issued in a moment":   {"iat": now.Add(auth.Skew / 2).Unix()},
		"times with fractions": {"iat": float64(now.UnixMilli()) / 1000},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier(func(o *auth.OIDCConfig) { o.Now = func() time.Time { return now } })
			_, err := v.Verify(t.Context(), i.sign(t, change))
			require.NoError(t, err)
		})
	}
}

func TestOIDCIssuerAway(t *testing.T) {
	i := startIssuer(t)
	token := i.sign(t, nil)
	down := true
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		i.Server.Handler.ServeHTTP(w, r)
	}))
	defer away.Close()
	now := time.Now()
	v := i.verifier(func(o *auth.OIDCConfig) {
		o.Now = func() time.Time { return now }
		o.Client = &http.Client{Transport: through(away.URL)}
	})

	_, err := v.Verify(t.Context(), token)
	require.ErrorIs(t, err, auth.ErrUnavailable)
	down = false
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, auth.ErrUnavailable, "not asked again at once")
	now = now.Add(10 * time.Second)
	_, err = v.Verify(t.Context(), token)
	require.NoError(t, err, "found again by itself")

	i.rotate(t)
	down = true
	_, err = v.Verify(t.Context(), i.sign(t, nil))
	require.ErrorIs(t, err, auth.ErrUnavailable, "its new key can't be fetched: nobody can tell")
}

// through sends every request to another host.
type through string

func (to through) RoundTrip(r *http.Request) (*http.Response, error) {
	target, err := url.Parse(string(to))
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Host = target.Host
	return http.DefaultTransport.RoundTrip(r)
}
