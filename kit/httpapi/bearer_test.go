package httpapi

import (
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func TestBearerToken(t *testing.T) {
	app := fiber.New()
	for header, want := range map[string]string{
		"Bearer abc": "abc", "bearer  abc ": "abc", "": "", "Bearer": "", "Bearer ": "", "Basic abc": "", "abc": "",
	} {
		c := app.AcquireCtx(&fasthttp.RequestCtx{})
		c.Request().Header.Set(fiber.HeaderAuthorization, header)
		require.Equal(t, want, BearerToken(c), header)
		app.ReleaseCtx(c)
	}
}
