package rest

import (
	"regexp"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/kit/httpapi"
	"orders/orders-actor/auth"
	"orders/orders-actor/rest/request"
)

// devUser restricts the names in dev tokens more than an issuer does: demos show them in links and logs.
var devUser = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func (s *Server) getSessionConfig(c *fiber.Ctx) error {
	if s.Dev != nil {
		return c.JSON(api.SessionConfig{AuthMode: api.Dev})
	}
	return c.JSON(api.SessionConfig{AuthMode: api.Oidc, Oidc: s.OIDC})
}

func (s *Server) getSession(c *fiber.Ctx, u auth.User) error {
	return c.JSON(api.Session{User: u.ID, Role: api.Role(u.Role)})
}

func (s *Server) createDevToken(c *fiber.Ctx) error {
	body, err := httpapi.ReadJSON[api.DevTokenRequest](c)
	if err != nil {
		return err
	}
	if !devUser.MatchString(body.User) {
		return request.BadField("user", "must be 1 to 64 letters, digits, dots, dashes, underscores or @, and begin with a letter or digit")
	}
	if body.Role != api.RoleCustomer && body.Role != api.RoleOperator {
		return request.BadField("role", "must be customer or operator")
	}
	token, expires, err := s.Dev.Mint(auth.User{ID: body.User, Role: auth.Role(body.Role)})
	if err != nil {
		return err
	}
	return c.JSON(api.DevToken{Token: token, ExpiresAt: expires})
}
