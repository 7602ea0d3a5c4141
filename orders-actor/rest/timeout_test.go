package rest

import (
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// A client with an idle connection would take a problem for the response to its next request.
func TestIdleConnectionEndsWithBare408(t *testing.T) {
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	require.NoError(t, (&Server{}).sendError(c, fiber.ErrRequestTimeout))
	assert.Equal(t, fiber.StatusRequestTimeout, c.Response().StatusCode())
}
