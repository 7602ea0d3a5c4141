package request

import (
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// ID reads the {id} of the path.
func ID(c *fiber.Ctx) (string, error) {
	id, ok := CanonicalID(c.Params("id"))
	if !ok {
		return "", BadField("id", "must be a UUID")
	}
	return id, nil
}

// CanonicalID returns a UUID in lower case. It accepts the form with hyphens only; uuid.Parse accepts others too.
func CanonicalID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	id, err := uuid.Parse(s)
	return id.String(), err == nil
}
