package rest

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"orders/orders-actor/rest/request"
)

// maxCursor is the limit of a cursor, in characters.
const maxCursor = 512

// idempotencyKey reads the header, or returns "" when it is absent.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	const name, limit = "Idempotency-Key", 200
	if len(c.Request().Header.Peek(name)) == 0 {
		if len(c.Request().Header.PeekAll(name)) > 0 {
			return "", request.BadField(name, "must not be empty")
		}
		return "", nil
	}
	key := strings.Clone(c.Get(name))
	if len(key) > limit || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", request.BadField(name, "must be 1 to %d visible ASCII characters", limit)
	}
	return key, nil
}
