package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"orders/api"
	"orders/kit/httpapi/problem"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const pageSize, maxPageSize = 50, 200

func (s *Server) createOrder(c *fiber.Ctx, u auth.User) error {
	if _, err := offer(c, fiber.MIMEApplicationJSON); err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	body, err := decode[api.CreateOrder](c)
	if err != nil {
		return err
	}
	create, err := newCreate(u, body)
	if err != nil {
		return err
	}
	if create.ID, err = s.newOrderID(c, u, key); err != nil {
		return err
	}
	o, replayed, err := s.Commands.Create(c.UserContext(), create)
	if err != nil {
		return err
	}
	if replayed {
		c.Set("Idempotency-Replayed", "true")
	}
	c.Set(fiber.HeaderLocation, "/v1/orders/"+o.ID)
	c.Set(fiber.HeaderETag, etag(o.Version))
	return c.Status(fiber.StatusCreated).JSON(toOrder(o))
}

// newCreate checks the input before any actor is invoked. The caller sets the id.
func newCreate(u auth.User, body api.CreateOrder) (order.Create, error) {
	items := make([]order.Item, len(body.Items))
	for i, item := range body.Items {
		items[i] = order.Item{SKU: item.Sku, Name: item.Name, Quantity: item.Quantity, UnitPrice: item.UnitPrice}
	}
	if _, err := order.Check(items, string(body.Currency)); err != nil {
		return order.Create{}, err
	}
	canonical, err := json.Marshal(body)
	if err != nil {
		return order.Create{}, fmt.Errorf("fingerprint the order: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return order.Create{
		Auth:  order.Auth{User: u.ID, Role: string(u.Role)},
		Items: items, Currency: string(body.Currency), Fingerprint: hex.EncodeToString(sum[:]),
	}, nil
}

// newOrderID returns the id of the order that the key stands for, or a fresh one without a key.
func (s *Server) newOrderID(c *fiber.Ctx, u auth.User, key string) (string, error) {
	if key == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("make an order id: %w", err)
		}
		return id.String(), nil
	}
	id, found, err := s.Reads.LegacyOrder(c.UserContext(), u.ID, key)
	if err != nil {
		return "", fromView(err)
	}
	if !found {
		id = order.KeyedID(u.ID, key)
	}
	return id, nil
}

func (s *Server) listOrders(c *fiber.Ctx, u auth.User) error {
	media, err := offer(c, fiber.MIMEApplicationJSON, textCSV)
	if err != nil {
		return err
	}
	q, err := readListQuery(c, u)
	if err != nil {
		return err
	}
	if media == textCSV {
		return s.exportOrders(c, u, q)
	}
	if q.Cursor != "" {
		var ok bool
		if q.Cursor, ok = s.cursors.open(pageCursors, q.Cursor); !ok {
			return fromView(orderdb.ErrBadCursor)
		}
	}
	if expensive(q) {
		if err := s.searches.enter(u.ID); err != nil {
			return err
		}
		defer s.searches.leave(u.ID)
	}
	page, err := s.Reads.List(c.UserContext(), q)
	if err != nil {
		return fromView(err)
	}
	if page.Next != "" {
		page.Next = s.cursors.seal(pageCursors, page.Next)
	}
	page.Feed = s.cursors.seal(feedCursors, page.Feed)
	return c.JSON(toOrderList(page))
}

// maxSearchesPerUser leaves a connection for the lists of other users, however many searches one user sends: the rate
// limit counts requests, whatever they cost.
const maxSearchesPerUser = orderdb.ListConns - 1

// expensive reports whether a list reads more than a page from one index: it searches, or filters by another time than
// it sorts by.
func expensive(q orderdb.Query) bool {
	byOtherTime := (!q.From.IsZero() || !q.To.IsZero()) && q.Sort != orderdb.SortCreated
	return q.Text != "" || byOtherTime
}

func readListQuery(c *fiber.Ctx, u auth.User) (orderdb.Query, error) {
	q := readQuery(c, "status", "customer", "q", "from", "to", "sort", "limit", "cursor")
	list := orderdb.Query{
		Customer: q.text("customer", maxUser), Statuses: q.statuses(), Text: q.text("q", maxQ),
		From: q.time("from"), To: q.time("to"),
		Limit: q.number("limit", pageSize, 1, maxPageSize), Cursor: q.text("cursor", maxCursor),
	}
	list.Sort, list.Descending = q.sort()
	if strings.TrimSpace(list.Text) != "" && !orderdb.Searchable(list.Text) {
		q.complain("q", "holds no letter or digit to search for")
	}
	if err := q.err(); err != nil {
		return orderdb.Query{}, err
	}
	if u.Role == auth.Operator {
		return list, nil
	}
	if list.Customer != "" && list.Customer != u.ID {
		return orderdb.Query{}, problem.New(problem.Forbidden, "only an operator may list another customer's orders")
	}
	list.Customer = u.ID
	return list, nil
}

func (s *Server) getOrder(c *fiber.Ctx, u auth.User) error {
	return s.answerOrder(c, u, func(o order.Order) any { return toOrder(o) })
}

func (s *Server) getOrderStatus(c *fiber.Ctx, u auth.User) error {
	return s.answerOrder(c, u, func(o order.Order) any { return toOrderStatus(o) })
}

// answerOrder answers with what body makes of the order, with 304 when the caller has it, and waits when asked to.
func (s *Server) answerOrder(c *fiber.Ctx, u auth.User, body func(order.Order) any) error {
	if _, err := offer(c, fiber.MIMEApplicationJSON); err != nil {
		return err
	}
	id, err := orderID(c)
	if err != nil {
		return err
	}
	seen := c.Get(fiber.HeaderIfNoneMatch)
	position := s.Feed.Position()
	o, err := s.readOrder(c, u, id)
	if err != nil {
		return err
	}
	if wait, asked := preferWait(c); asked {
		if o, err = s.awaitChange(c, u, o, seen, position, wait); err != nil {
			return err
		}
		preferenceApplied(c, wait)
	}
	c.Set(fiber.HeaderETag, etag(o.Version))
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if ifNoneMatch(seen, o.Version) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	return c.JSON(body(o))
}

// readOrder returns the order if this user may see it.
func (s *Server) readOrder(c *fiber.Ctx, u auth.User, id string) (order.Order, error) {
	o, err := s.Reads.Get(c.UserContext(), id)
	if err != nil {
		return order.Order{}, fromView(err)
	}
	if u.Role != auth.Operator && o.Customer != u.ID {
		return order.Order{}, order.NotFound()
	}
	return o, nil
}

// awaitChange returns the order once it isn't the one that the caller has seen (or, when they don't say, the one that
// it was at first), or as it is when the wait is over or the server stops. Position is from before o was read.
func (s *Server) awaitChange(c *fiber.Ctx, u auth.User, o order.Order, seen string, position int64, wait time.Duration) (order.Order, error) {
	if seen == "" {
		seen = etag(o.Version)
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(s.LookEvery)
	defer look.Stop()
	for ifNoneMatch(seen, o.Version) {
		touched, now, more := s.Feed.Touched(o.ID, position)
		position = now
		if touched {
			var err error
			if o, err = s.readOrder(c, u, o.ID); err != nil {
				return order.Order{}, err
			}
			continue
		}
		select {
		case <-more:
		case <-look.C:
			if hungUp(c.Context().Conn()) {
				return o, nil // nobody will read it, but its place is free
			}
		case <-over.C:
			return o, nil
		case <-s.stopping:
			return o, nil
		}
	}
	return o, nil
}
