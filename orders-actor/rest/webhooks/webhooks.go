// Package webhooks has the handlers of webhooks, which are for operators.
package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/relay"
	"orders/orders-actor/rest/request"
	"orders/orders-actor/webhook"
)

// Limits of the contract.
const (
	maxURL         = 2000
	maxDescription = 200
	maxTypes       = 4
)

// Service manages webhooks, see webhook.Service.
type Service interface {
	Create(ctx context.Context, settings webhook.Settings) (w webhooks.Webhook, secret string, err error)
	Update(ctx context.Context, id, user string, c webhook.Change) (webhooks.Webhook, error)
	Rotate(ctx context.Context, id string) (w webhooks.Webhook, secret string, err error)
	Test(ctx context.Context, id string) (webhooks.Delivery, error)
	Resend(ctx context.Context, id, delivery string) (webhooks.Delivery, error)
}

// Store reads and deletes webhooks, see webhooks.Store.
type Store interface {
	List(ctx context.Context) ([]webhooks.Webhook, error)
	Get(ctx context.Context, id string) (webhooks.Webhook, error)
	Delete(ctx context.Context, id string) error
	Deliveries(ctx context.Context, webhook string, n int) ([]webhooks.Delivery, error)
}

// Handlers are the handlers and their dependencies.
type Handlers struct {
	Service Service
	Store   Store
}

// Operation is what a path does for some methods.
type Operation struct {
	Methods []string
	Handle  func(*fiber.Ctx, auth.User) error
}

// Routes returns the operations of each path.
func (h *Handlers) Routes() map[string][]Operation {
	get := func(handle func(*fiber.Ctx, auth.User) error) Operation {
		return Operation{[]string{fiber.MethodGet, fiber.MethodHead}, handle}
	}
	other := func(method string, handle func(*fiber.Ctx, auth.User) error) Operation {
		return Operation{[]string{method}, known(handle)}
	}
	return map[string][]Operation{
		"/v1/webhooks": {get(h.list), other(fiber.MethodPost, h.create)},
		"/v1/webhooks/:id": {
			get(known(h.get)), other(fiber.MethodPatch, h.update), other(fiber.MethodDelete, h.delete),
		},
		"/v1/webhooks/:id/rotate":                      {other(fiber.MethodPost, h.rotate)},
		"/v1/webhooks/:id/test":                        {other(fiber.MethodPost, h.test)},
		"/v1/webhooks/:id/deliveries":                  {get(known(h.deliveries))},
		"/v1/webhooks/:id/deliveries/:delivery/resend": {other(fiber.MethodPost, h.resend)},
	}
}

// known turns the errors of webhooks into problems.
func known(handle func(*fiber.Ctx, auth.User) error) func(*fiber.Ctx, auth.User) error {
	return func(c *fiber.Ctx, u auth.User) error {
		err := handle(c, u)
		if errors.Is(err, webhooks.ErrNotFound) {
			return problem.New(problem.WebhookNotFound, "there is no such webhook or delivery")
		}
		if refused := (*webhook.Refused)(nil); errors.As(err, &refused) {
			return problem.New(problem.WebhookRefused, "%s", refused.Detail)
		}
		return err
	}
}

func (h *Handlers) list(c *fiber.Ctx, _ auth.User) error {
	all, err := h.Store.List(c.UserContext())
	if err != nil {
		return err
	}
	list := api.WebhookList{Webhooks: make([]api.Webhook, len(all))}
	for i, w := range all {
		list.Webhooks[i] = convert(w)
	}
	return c.JSON(list)
}

func (h *Handlers) create(c *fiber.Ctx, _ auth.User) error {
	body, err := httpapi.ReadJSON[api.CreateWebhook](c)
	if err != nil {
		return err
	}
	if err := check(&body.URL, body.Description, body.Types); err != nil {
		return err
	}
	w, secret, err := h.Service.Create(c.UserContext(), webhook.Settings{URL: body.URL, Description: body.Description, Types: texts(body.Types)})
	if err != nil {
		return err
	}
	c.Location("/v1/webhooks/" + w.ID)
	return c.Status(fiber.StatusCreated).JSON(withSecret(w, secret))
}

func (h *Handlers) get(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	w, err := h.Store.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(convert(w))
}

func (h *Handlers) update(c *fiber.Ctx, u auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	body, err := httpapi.ReadJSON[api.UpdateWebhook](c)
	if err != nil {
		return err
	}
	given, err := httpapi.ReadJSON[map[string]json.RawMessage](c)
	if err != nil {
		return err
	}
	change := webhook.Change{}
	var url *string
	if _, ok := given["url"]; ok {
		url, change.URL = &body.URL, &body.URL
	}
	if _, ok := given["description"]; ok {
		change.Description = &body.Description
	}
	if _, ok := given["types"]; ok {
		change.Types = new(texts(body.Types))
	}
	if _, ok := given["enabled"]; ok {
		change.Enabled = &body.Enabled
	}
	if err := check(url, body.Description, body.Types); err != nil {
		return err
	}
	w, err := h.Service.Update(c.UserContext(), id, u.ID, change)
	if err != nil {
		return err
	}
	return c.JSON(convert(w))
}

func (h *Handlers) delete(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	if err := h.Store.Delete(c.UserContext(), id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (h *Handlers) rotate(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	w, secret, err := h.Service.Rotate(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(withSecret(w, secret))
}

func (h *Handlers) test(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	d, err := h.Service.Test(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(convertDelivery(d))
}

func (h *Handlers) deliveries(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	q := request.ReadQuery(c, "limit")
	limit := q.Number("limit", 50, 1, webhooks.KeptDeliveries)
	if err := q.Err(); err != nil {
		return err
	}
	found, err := h.Store.Deliveries(c.UserContext(), id, limit)
	if err != nil {
		return err
	}
	list := deliveryList{Deliveries: make([]delivery, len(found))}
	for i, d := range found {
		list.Deliveries[i] = convertDelivery(d)
	}
	return c.JSON(list)
}

func (h *Handlers) resend(c *fiber.Ctx, _ auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	which, ok := request.CanonicalID(c.Params("delivery"))
	if !ok {
		return request.BadField("delivery", "must be a UUID")
	}
	d, err := h.Service.Resend(c.UserContext(), id, which)
	if err != nil {
		return err
	}
	return c.JSON(convertDelivery(d))
}

// check returns the problem of all bad fields. url is nil if it is not given.
func check(url *string, description string, types []api.EventType) error {
	var bad []problem.FieldError
	reject := func(field, message string) { bad = append(bad, problem.FieldError{Field: field, Message: message}) }
	if url != nil && (*url == "" || utf8.RuneCountInString(*url) > maxURL) {
		reject("url", "must have 1 to "+strconv.Itoa(maxURL)+" characters")
	}
	isControl := func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }
	if utf8.RuneCountInString(description) > maxDescription || strings.ContainsFunc(description, isControl) {
		reject("description", "must have at most "+strconv.Itoa(maxDescription)+" characters, none of them a control character")
	}
	if len(types) > maxTypes {
		reject("types", "must have at most "+strconv.Itoa(maxTypes)+" elements")
	}
	for i, t := range types {
		field := fmt.Sprintf("types[%d]", i)
		switch {
		case !slices.ContainsFunc(order.Statuses, func(s order.Status) bool { return relay.Type(s) == string(t) }):
			reject(field, "must be a type of events")
		case slices.Contains(types[:i], t):
			reject(field, "is there twice")
		}
	}
	if bad != nil {
		return problem.Fields(bad...)
	}
	return nil
}

func texts(types []api.EventType) []string {
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = string(t)
	}
	return all
}
