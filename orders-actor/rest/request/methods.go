package request

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// RewriteUnknownMethods rewrites unknown methods to TRACE, which has no route and so yields our 405 problem. Fiber answers
// unknown methods in plain text, outside of our middleware.
func RewriteUnknownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		if !slices.Contains(fiber.DefaultMethods, string(c.Method())) {
			c.Request.Header.SetMethod(fiber.MethodTrace)
		}
		next(c)
	}
}
