// Package storefront serves the catalogue, and reads the orders that clients create.
package storefront

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/catalogue"
	"orders/orders-actor/order"
	"orders/orders-actor/rest/request"
)

// Shop is the catalogue and the rules for orders.
type Shop struct {
	catalogue *catalogue.Catalogue
	enforced  bool
	body      []byte // the response to GET /v1/catalogue
	etag      string
}

// New returns a shop. With enforce, customers may order only what is in the catalogue, at its prices.
func New(c *catalogue.Catalogue, enforce bool) (*Shop, error) {
	response := api.Catalogue{Items: make([]api.CatalogueItem, len(c.Items)), Enforced: enforce}
	for i, item := range c.Items {
		response.Items[i] = api.CatalogueItem{Sku: item.SKU, Name: item.Name, Prices: item.Prices}
	}
	body, err := json.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("encode catalogue: %w", err)
	}
	sum := sha256.Sum256(body)
	return &Shop{catalogue: c, enforced: enforce, body: body, etag: strconv.Quote(hex.EncodeToString(sum[:16]))}, nil
}

// Catalogue responds with the catalogue, or with 304 if the client has it.
func (s *Shop) Catalogue(c *fiber.Ctx, _ auth.User) error {
	c.Set(fiber.HeaderETag, s.etag)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if request.NoneMatch(c.Get(fiber.HeaderIfNoneMatch), s.etag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(s.body)
}

// Create validates the order that a user creates, so that invalid input invokes no actor. The caller sets the id. What the
// catalogue does not allow is in Refused: only the actor knows whether the create is a replay of an order that was allowed.
func (s *Shop) Create(u auth.User, body api.CreateOrder) (order.Create, error) {
	if body.Customer == u.ID {
		body.Customer = "" // the same order, with the same fingerprint
	}
	if body.Customer != "" && u.Role != auth.Operator {
		return order.Create{}, order.NotForOthers()
	}
	items := make([]order.Item, len(body.Items))
	for i, item := range body.Items {
		items[i] = order.Item{SKU: item.Sku, Name: item.Name, Quantity: item.Quantity, UnitPrice: item.UnitPrice}
	}
	canonical, err := json.Marshal(body)
	if err != nil {
		return order.Create{}, fmt.Errorf("compute fingerprint: %w", err)
	}
	sum := sha256.Sum256(canonical)
	create := order.Create{
		Auth: order.Auth{User: u.ID, Role: string(u.Role)}, Customer: body.Customer,
		Items: items, Currency: string(body.Currency), Fingerprint: hex.EncodeToString(sum[:]),
	}
	if _, err := create.Check(); err != nil {
		return order.Create{}, err
	}
	if s.enforced && u.Role != auth.Operator {
		create.Refused = s.catalogue.Check(items, create.Currency)
	}
	return create, nil
}
