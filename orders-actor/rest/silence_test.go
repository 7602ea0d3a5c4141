package rest

import (
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// A client that opened a connection ahead of need would take a 500 for the answer to what it sends next.
func TestASilentConnectionEndsWithoutAProblem(t *testing.T) {
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	require.NoError(t, (&Server{}).fail(c, fiber.ErrRequestTimeout))
	assert.Equal(t, fiber.StatusRequestTimeout, c.Response().StatusCode())
}
