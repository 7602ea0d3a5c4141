package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

func TestResponsesDoNotContainCauses(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		code   Code
	}{
		"a problem":         {New(Forbidden, "not for you").WithCause(errors.New("secret")), 403, Forbidden},
		"a wrapped problem": {errors.Join(errors.New("secret"), New(Unavailable, "later")), 503, Unavailable},
		"another error":     {errors.New("secret"), 500, Internal},
		"error of fiber":    {fiber.ErrMethodNotAllowed, 405, MethodNotAllowed},
		"too large":         {fiber.ErrRequestEntityTooLarge, 413, TooLarge},
		"an unknown code":   {New("secret", "secret"), 500, Internal},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			app := fiber.New(fiber.Config{ErrorHandler: Handler(slog.New(slog.NewTextHandler(&logged, nil)))})
			app.Get("/", func(*fiber.Ctx) error { return test.err })
			resp, err := app.Test(httptest.NewRequest(http.MethodGet, "/", nil), -1)
			require.NoError(t, err)
			defer func() { require.NoError(t, resp.Body.Close()) }()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)

			require.Equal(t, test.status, resp.StatusCode)
			require.Equal(t, ContentType, resp.Header.Get("Content-Type"))
			require.NotContains(t, string(body), "secret")
			var got Problem
			require.NoError(t, json.Unmarshal(body, &got))
			require.Equal(t, test.code, got.Code)
			require.Equal(t, test.status, got.Status)
			require.Equal(t, test.status >= 500, logged.Len() > 0)
		})
	}
}

func TestFields(t *testing.T) {
	got, err := json.Marshal(Fields(FieldError{Field: "amount", Message: "must not be negative"}))
	require.NoError(t, err)
	require.Contains(t, string(got), `"errors":[{"field":"amount","message":"must not be negative"}]`)
}
