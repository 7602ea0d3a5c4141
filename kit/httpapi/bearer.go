package httpapi

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// BearerToken returns the token of the Authorization header (RFC 6750, section 2.1), or "" if there is none. The string stays
// valid after the handler has returned.
func BearerToken(c *fiber.Ctx) string {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Clone(strings.TrimSpace(token))
}
