// Package operator has the handlers of what only operators may do: inspect orders, repair them, and see which need attention.
package operator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"orders/api"
	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
	"orders/kit/telemetry"
	"orders/orders-actor/auth"
	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/rest/convert"
	"orders/orders-actor/rest/request"
)

// Inspector inspects an order. It returns inspect.ErrNotFound if there is no such order.
type Inspector interface {
	Inspect(ctx context.Context, id string) (inspect.Result, error)
}

// Commands repairs orders, see orderactor.Client.
type Commands interface {
	Repair(ctx context.Context, id string, r order.Repair) (order.Order, []order.RepairStep, error)
}

// Store has the marks and the repairs of orders, see attention.Store.
type Store interface {
	Marks(ctx context.Context, ids ...string) (map[string]attention.Marks, error)
	SaveRepair(ctx context.Context, r attention.Repair) error
	Repairs(ctx context.Context, id string) ([]attention.Repair, error)
	Summary(ctx context.Context, now time.Time) ([]attention.Group, error)
	Current(ctx context.Context, now time.Time) (attention.Current, error)
}

// Handlers are the handlers and their dependencies.
type Handlers struct {
	Inspector Inspector
	Commands  Commands
	Store     Store
	Minutes   Minutes
	Audits    Audits
	Readers   func() int // streams and long polls of this replica
	Log       *slog.Logger
	After     time.Duration // how long an order may wait before it needs attention
	Now       func() time.Time

	AuditPerMinute int // the rate of the audit, for its status
}

// Only lets operators pass.
func Only(h func(*fiber.Ctx, auth.User) error) func(*fiber.Ctx, auth.User) error {
	return func(c *fiber.Ctx, u auth.User) error {
		if u.Role != auth.Operator {
			return problem.New(problem.Forbidden, "only an operator may do this")
		}
		return h(c, u)
	}
}

// Inspect responds with what each part knows of an order.
func (h *Handlers) Inspect(c *fiber.Ctx, u auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	result, err := h.Inspector.Inspect(c.UserContext(), id)
	if errors.Is(err, inspect.ErrNotFound) {
		return order.NotFound()
	}
	if err != nil {
		return err
	}
	repairs, err := h.Store.Repairs(c.UserContext(), id)
	if err != nil && result.Observation.Database.Err == nil {
		return err
	}
	return c.JSON(inspection(u, result, repairs))
}

// Reconcile repairs an order. The request is stored before, so that no repair is without a record.
func (h *Handlers) Reconcile(c *fiber.Ctx, u auth.User) error {
	id, err := request.ID(c)
	if err != nil {
		return err
	}
	version, err := request.IfMatch(c)
	if err != nil {
		return err
	}
	body, err := httpapi.ReadJSON[api.ReconcileOrder](c)
	if err != nil {
		return err
	}
	reason, err := order.Reason(body.Reason)
	if err != nil {
		return err
	}
	if reason == "" {
		return request.BadField("reason", "must not be empty")
	}
	ctx := c.UserContext()
	repair := attention.Repair{
		OrderID: id, At: h.Now().UTC(), User: u.ID, Reason: reason, RequestID: telemetry.RequestID(ctx), TraceID: telemetry.TraceID(ctx),
	}
	o, err := h.repair(ctx, u, repair, version)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, request.ETag(o.Version))
	return c.JSON(o)
}

// repair is executed to its end, even if the client disconnects: its outcome must be stored.
func (h *Handlers) repair(ctx context.Context, u auth.User, r attention.Repair, version int) (reconciled, error) {
	if err := h.Store.SaveRepair(ctx, r); err != nil {
		return reconciled{}, err
	}
	o, steps, err := h.Commands.Repair(ctx, r.OrderID, order.Repair{IfVersion: version})
	r.Done, r.Steps = true, steps
	if err != nil {
		r.Error = err.Error()
		if refusal := (*order.Refusal)(nil); !errors.As(err, &refusal) {
			r.Done = false // the order may have executed it
		}
	}
	h.Log.InfoContext(ctx, "reconcile requested by an operator", "order", r.OrderID, "user", r.User, "reason", r.Reason, "steps", steps, "error", err)
	saveCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := h.Store.SaveRepair(saveCtx, r); err != nil {
		h.Log.WarnContext(ctx, "cannot store the outcome of a repair", "order", r.OrderID, "error", err)
	}
	return reconciled{Order: convert.Order(o, u), Repairs: convertSteps(steps)}, err
}

// reconciled is api.ReconciledOrder.
type reconciled struct {
	api.Order
	Repairs []api.RepairStep `json:"repairs"`
}

// Attention returns why orders need attention, by id, for an operator; nothing for customers.
func (h *Handlers) Attention(ctx context.Context, u auth.User, orders ...order.Order) (map[string]api.Attention, error) {
	all := map[string]api.Attention{}
	if u.Role != auth.Operator || len(orders) == 0 {
		return all, nil
	}
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	marks, err := h.Store.Marks(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		for _, reason := range attention.Of(o, marks[o.ID], h.Now(), h.After) {
			all[o.ID] = append(all[o.ID], api.AttentionReason(reason))
		}
	}
	return all, nil
}

// AttentionFilter reads the parameter attention of lists and counts. Only operators may set it.
func AttentionFilter(q *request.Query, u auth.User) (bool, error) {
	value, exists := q.Value("attention", 5)
	switch {
	case !exists || value == "false":
		return false, nil
	case value != "true":
		q.Reject("attention", "must be true or false")
		return false, nil
	case u.Role != auth.Operator:
		return false, problem.New(problem.Forbidden, "only an operator may list the orders that need attention")
	}
	return true, nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}
