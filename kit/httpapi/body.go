package httpapi

import "github.com/gofiber/fiber/v2"

// JSONBody returns the body of a request that must be JSON, as jsonBody does.
func JSONBody(c *fiber.Ctx) ([]byte, error) { return jsonBody(c) }
