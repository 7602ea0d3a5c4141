package rest

import (
	"context"
	"fmt"
	"time"

	"orders/orders-actor/rest/convert"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/telemetry"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/rest/cursor"
	"orders/orders-actor/rest/filters"
	"orders/orders-actor/rest/request"
)

func (s *Server) createOrder(c *fiber.Ctx, u auth.User) error {
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	body, err := httpapi.ReadJSON[api.CreateOrder](c)
	if err != nil {
		return err
	}
	create, err := s.shop.Create(u, body)
	if err != nil {
		return err
	}
	if create.ID, err = s.newOrderID(c, u, key); err != nil {
		return err
	}
	create.NewID, create.Origin = key == "", origin(c)
	o, replayed, err := s.Commands.Create(c.UserContext(), create)
	if err != nil {
		return err
	}
	if replayed {
		c.Set("Idempotency-Replayed", "true")
	}
	c.Set(fiber.HeaderLocation, "/v1/orders/"+o.ID)
	c.Set(fiber.HeaderETag, request.ETag(o.Version))
	return c.Status(fiber.StatusCreated).JSON(convert.Order(o, u))
}

// origin returns the ids of the request.
func origin(c *fiber.Ctx) order.Origin {
	return order.Origin{RequestID: telemetry.RequestID(c.UserContext()), TraceID: telemetry.TraceID(c.UserContext())}
}

// newOrderID returns the id that belongs to the idempotency key, or a new one without a key.
func (s *Server) newOrderID(c *fiber.Ctx, u auth.User, key string) (string, error) {
	if key == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("create order id: %w", err)
		}
		return id.String(), nil
	}
	id, found, err := s.Reads.LegacyOrder(c.UserContext(), u.ID, key)
	if err != nil {
		return "", readError(err)
	}
	if !found {
		id = order.KeyedID(u.ID, key)
	}
	return id, nil
}

func (s *Server) listOrders(c *fiber.Ctx, u auth.User) error {
	media, err := request.Accepted(c, fiber.MIMEApplicationJSON, textCSV)
	if err != nil {
		return err
	}
	q, err := filters.Query(c, u)
	if err != nil {
		return err
	}
	if media == textCSV {
		return s.exportOrders(c, u, q)
	}
	if q.Cursor != "" {
		var ok bool
		if q.Cursor, ok = s.cursors.Open(cursor.Page, q.Cursor); !ok {
			return readError(orderdb.ErrBadCursor)
		}
	}
	if expensive(q) {
		if err := s.searches.Enter(u.ID); err != nil {
			return err
		}
		defer s.searches.Leave(u.ID)
	}
	page, err := s.Reads.List(c.UserContext(), q)
	if err != nil {
		return readError(err)
	}
	if page.Next != "" {
		page.Next = s.cursors.Seal(cursor.Page, page.Next)
	}
	page.Feed = s.cursors.Seal(cursor.Feed, page.Feed)
	attention, err := s.Operator.Attention(c.UserContext(), u, page.Orders...)
	if err != nil {
		return err
	}
	return c.JSON(convert.List(page, u, attention))
}

// countOrders waits for counts that other requests may share. It gives its place among the running calls to others meanwhile.
func (s *Server) countOrders(c *fiber.Ctx, u auth.User) error {
	f, err := filters.Counts(c, u)
	if err != nil {
		return err
	}
	r := s.counter.Request(u.ID, f)
	defer r.Leave()
	check := time.NewTicker(s.ClientCheckInterval)
	defer check.Stop()
	for {
		select {
		case <-r.Done():
			counts, err := r.Result()
			if err != nil {
				return readError(err)
			}
			return c.JSON(convert.Counts(counts))
		default:
		}
		if !s.await(c, r.Done(), check.C, nil) {
			return context.Canceled
		}
	}
}

// maxSearchesPerUser leaves one database connection for the lists of other users. The rate limit does not protect them:
// it counts cheap and expensive requests alike.
const maxSearchesPerUser = sqldb.ListConns - 1

// expensive reports whether a list may read more than a page from one index, because of its filters, or because it filters by
// the time of creation and sorts by something else.
func expensive(q orderdb.Query) bool {
	otherSort := (!q.From.IsZero() || !q.To.IsZero()) && q.Sort != orderdb.SortCreated
	return q.ReadsRows() || otherSort
}

func (s *Server) getOrder(c *fiber.Ctx, u auth.User) error {
	return s.sendOrder(c, u, func(o order.Order) (any, error) {
		attention, err := s.Operator.Attention(c.UserContext(), u, o)
		converted := convert.Order(o, u)
		converted.Attention = attention[o.ID]
		return converted, err
	})
}

func (s *Server) getOrderStatus(c *fiber.Ctx, u auth.User) error {
	return s.sendOrder(c, u, func(o order.Order) (any, error) { return convert.Status(o), nil })
}

// sendOrder responds with the body of the order, or with 304 when the client has this version. With Prefer: wait it is a
// long poll.
func (s *Server) sendOrder(c *fiber.Ctx, u auth.User, body func(order.Order) (any, error)) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	seen := c.Get(fiber.HeaderIfNoneMatch)
	position := s.Feed.Position()
	o, err := s.readOrder(c, u, id)
	if err != nil {
		return err
	}
	if wait, asked := request.PreferWait(c); asked {
		if o, err = s.awaitChange(c, u, o, seen, position, wait); err != nil {
			return err
		}
		request.PreferenceApplied(c, wait)
	}
	c.Set(fiber.HeaderETag, request.ETag(o.Version))
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if request.NoneMatch(seen, request.ETag(o.Version)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	converted, err := body(o)
	if err != nil {
		return err
	}
	return c.JSON(converted)
}

// readOrder returns the order if the user may access it.
func (s *Server) readOrder(c *fiber.Ctx, u auth.User, id string) (order.Order, error) {
	o, err := s.Reads.Get(c.UserContext(), id)
	if err != nil {
		return order.Order{}, readError(err)
	}
	if u.Role != auth.Operator && o.Customer != u.ID {
		return order.Order{}, order.NotFound()
	}
	return o, nil
}

// awaitChange returns the order as soon as its version is not the one in seen, an If-None-Match header, or the version of o
// if seen is empty. It returns the unchanged order when the wait ends, the client disconnects or the server stops. The feed
// position must be from before o was read.
func (s *Server) awaitChange(c *fiber.Ctx, u auth.User, o order.Order, seen string, position int64, wait time.Duration) (order.Order, error) {
	if seen == "" {
		seen = request.ETag(o.Version)
	}
	defer s.Feed.Follow()()
	end, check := time.NewTimer(wait), time.NewTicker(s.ClientCheckInterval)
	defer end.Stop()
	defer check.Stop()
	for request.NoneMatch(seen, request.ETag(o.Version)) {
		touched, now, more := s.Feed.Touched(o.ID, position)
		position = now
		if touched {
			var err error
			if o, err = s.readOrder(c, u, o.ID); err != nil {
				return order.Order{}, err
			}
			continue
		}
		if !s.await(c, more, check.C, end.C) {
			return o, nil
		}
	}
	return o, nil
}
