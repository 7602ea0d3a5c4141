package rest

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"orders/orders-actor/rest/convert"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/kit/run"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/rest/request"
)

const (
	maxBulk      = 100
	bulkParallel = 8 // concurrent cancels of one bulk cancel
)

func (s *Server) cancelOrder(c *fiber.Ctx, u auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	version, err := request.IfMatch(c)
	if err != nil {
		return err
	}
	var body api.CancelOrder
	if len(c.Request().Body()) > 0 {
		if body, err = httpapi.ReadJSON[api.CancelOrder](c); err != nil {
			return err
		}
	}
	reason, err := order.Reason(body.Reason)
	if err != nil {
		return err
	}
	o, changed, err := s.cancel(c.UserContext(), newCancel(u, origin(c), id, reason, version))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, request.ETag(o.Version))
	return c.JSON(struct { // api.CancelledOrder
		api.Order
		Changed bool `json:"changed"`
	}{convert.Order(o, u), changed})
}

func (s *Server) cancelOrders(c *fiber.Ctx, u auth.User) error {
	body, err := httpapi.ReadJSON[api.CancelOrders](c)
	if err != nil {
		return err
	}
	ids, err := checkIDs(body.Ids)
	if err != nil {
		return err
	}
	reason, err := order.Reason(body.Reason)
	if err != nil {
		return err
	}
	ctx, from := c.UserContext(), origin(c)
	results := make([]cancelResult, len(ids))
	slots := make(chan struct{}, bulkParallel)
	var done sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		done.Go(func() {
			results[i].err = run.Catch(ctx, s.Log, "bulk cancel", func() (err error) {
				defer func() { <-slots }()
				results[i].order, results[i].changed, err = s.cancel(ctx, newCancel(u, from, id, reason, 0))
				return err
			})
		})
	}
	done.Wait()
	outcomes := make([]api.CancelOutcome, len(ids))
	for i, id := range ids {
		outcomes[i] = s.outcome(ctx, u, id, results[i])
	}
	return c.JSON(api.CancelOutcomes{Outcomes: outcomes})
}

func newCancel(u auth.User, from order.Origin, id, reason string, version int) order.Cancel {
	by := order.ByCustomer
	if u.Role == auth.Operator {
		by = order.ByOperator
	}
	return order.Cancel{ID: id, User: u.ID, By: by, Reason: reason, IfVersion: version, Origin: from}
}

// cancel sends the command to the order's actor if the order database has the order and the user may access it. Other ids
// activate no actor. The check is reliable: each turn stores its version in the order database before it replies, and
// orders are never given to another customer, and removed ones not created again.
func (s *Server) cancel(ctx context.Context, cancel order.Cancel) (order.Order, bool, error) {
	held, err := s.Reads.Get(ctx, cancel.ID)
	if err != nil {
		return order.Order{}, false, readError(err)
	}
	if cancel.By == order.ByCustomer && held.Customer != cancel.User {
		return order.Order{}, false, order.NotFound()
	}
	return s.Commands.Cancel(ctx, cancel)
}

// cancelResult is the result of cancel for one order of a bulk cancel.
type cancelResult struct {
	order   order.Order
	changed bool
	err     error
}

// outcome converts the result of one order. An error is an outcome too; it does not fail the bulk cancel.
func (s *Server) outcome(ctx context.Context, u auth.User, id string, r cancelResult) api.CancelOutcome {
	if r.err == nil {
		return api.CancelOutcome{ID: id, Outcome: api.OutcomeCancelled, Order: convert.Order(r.order, u), Changed: &r.changed}
	}
	p := problemOf(r.err)
	outcome := api.OutcomeFailed
	var refusal *order.Refusal
	switch {
	case p.Code == api.ProblemCode(orderNotFound):
		outcome = api.OutcomeNotFound
	case errors.As(r.err, &refusal) && p.Status < fiber.StatusInternalServerError:
		outcome = api.OutcomeRefused
	default:
		s.Log.WarnContext(ctx, "cancel failed", "order", id, "error", r.err)
	}
	return api.CancelOutcome{ID: id, Outcome: outcome, Problem: p}
}

func checkIDs(given []string) ([]string, error) {
	if len(given) == 0 || len(given) > maxBulk {
		return nil, request.BadField("ids", "must hold 1 to %d ids", maxBulk)
	}
	var bad []problem.FieldError
	ids := make([]string, len(given))
	seen := map[string]bool{}
	for i, g := range given {
		id, ok := request.CanonicalID(g)
		field := "ids[" + strconv.Itoa(i) + "]"
		switch {
		case !ok:
			bad = append(bad, problem.FieldError{Field: field, Message: "must be a UUID"})
		case seen[id]:
			bad = append(bad, problem.FieldError{Field: field, Message: "is there twice"})
		}
		ids[i], seen[id] = id, true
	}
	if bad != nil {
		return nil, problem.Fields(bad...)
	}
	return ids, nil
}
