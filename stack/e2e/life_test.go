package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
)

func TestOrderIsDeliveredOrDeclined(t *testing.T) {
	c := customer(t)
	outcomes := map[api.Status]string{}
	// Half of the payments are declined, so 50 orders with the same outcome are as likely as 50 heads in a row.
	for i := 0; len(outcomes) < 2 && i < 50; i++ {
		o := c.created(t)
		assert.Equal(t, int64(900), o.Total)
		o = c.await(t, o.ID, "confirmed or cancelled", func(o api.Order) bool { return o.Status != api.StatusCreated })
		outcomes[o.Status] = o.ID
	}
	for before, id := range outcomes {
		o := c.await(t, id, "final", final)
		if before == api.StatusCancelled {
			assert.Equal(t, "created cancelled", path(t, o))
			assert.Equal(t, api.Declined, o.Payment.Status)
			assert.Equal(t, api.PartyPayment, o.Cancellation.By)
			continue
		}
		assert.Equal(t, "created confirmed delivered", path(t, o))
		assert.Equal(t, api.Confirmed, o.Payment.Status)

		got := c.cancel(t, id)
		assert.Equal(t, http.StatusConflict, got.Status)
		assert.Equal(t, api.ProblemCodeAlreadyDelivered, got.Code())
	}
	assert.Len(t, outcomes, 2)
}

func TestCancelledOrderIsVoidedAndNotDelivered(t *testing.T) {
	c := customer(t)
	var cancelled api.CancelledOrder
	await(t, "a cancel before the delivery", func() bool {
		o := c.created(t)
		got := read(t)(c.CancelOrder(t.Context(), o.ID, nil, api.CancelOrder{Reason: "changed my mind"}))
		if got.Status == http.StatusConflict {
			return false // delivered first: the machine was slow
		}
		require.Equal(t, http.StatusOK, got.Status, "%s", got.Body)
		cancelled = parse[api.CancelledOrder](t, got.Body)
		// Otherwise the payment was declined first, which cancelled the order too.
		return cancelled.Cancellation.By == api.PartyCustomer
	})
	assert.Equal(t, api.StatusCancelled, cancelled.Status)
	assert.Equal(t, "changed my mind", cancelled.Cancellation.Reason)
	c.await(t, cancelled.ID, "voided", func(o api.Order) bool { return o.Payment.Status == api.Voided })

	// Once a younger order has been delivered, the due time of this one has passed.
	await(t, "a younger order is delivered", func() bool {
		o := c.created(t)
		return c.await(t, o.ID, "final", final).Status == api.StatusDelivered
	})
	assert.Equal(t, api.StatusCancelled, c.get(t, cancelled.ID).Status)
}

func TestRepeatedCreateReturnsSameOrder(t *testing.T) {
	c := customer(t)
	send := func(body api.CreateOrder) client.Reply {
		return read(t)(c.CreateOrder(t.Context(), &api.CreateOrderParams{IdempotencyKey: new("the-same")}, body))
	}
	first := send(tea)
	require.Equal(t, http.StatusCreated, first.Status, "%s", first.Body)
	again := send(tea)
	assert.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	other := send(api.CreateOrder{Currency: api.EUR, Items: []api.Item{{Sku: "x", Name: "x", Quantity: 1, UnitPrice: 1}}})
	assert.Equal(t, http.StatusUnprocessableEntity, other.Status)
	assert.Equal(t, api.ProblemCodeIdempotencyKeyReused, other.Code())
	assert.Len(t, c.list(t), 1)
}

// The whole life of an order that an operator creates: it is paid for its customer, who cancels it, and the charge is voided.
func TestOperatorCreatesAnOrderForACustomer(t *testing.T) {
	operator, customer := login(t, shared.URL(), "otto", api.RoleOperator), login(t, shared.URL(), "grace", api.RoleCustomer)
	body := tea
	body.Customer = "grace"
	key := "for-grace"
	create := func(u user, body api.CreateOrder) client.Reply {
		return read(t)(u.CreateOrder(t.Context(), &api.CreateOrderParams{IdempotencyKey: &key}, body))
	}
	assert.Equal(t, http.StatusForbidden, create(login(t, shared.URL(), "mallory", api.RoleCustomer), body).Status)
	first := create(operator, body)
	require.Equal(t, http.StatusCreated, first.Status, "%s", first.Body)
	o := parse[api.Order](t, first.Body)
	assert.Equal(t, "grace", o.Customer)
	assert.Equal(t, o.ID, parse[api.Order](t, create(operator, body).Body).ID)
	other := body
	other.Customer = "heidi"
	assert.Equal(t, http.StatusUnprocessableEntity, create(operator, other).Status)

	decided := customer.await(t, o.ID, "decided", func(o api.Order) bool { return o.Status != api.StatusCreated })
	assert.Equal(t, api.PartyOperator, decided.History[0].By)
	assert.Empty(t, decided.History[0].User)
	if decided.Status == api.StatusConfirmed {
		customer.cancel(t, o.ID)
	}
	customer.await(t, o.ID, "final", func(o api.Order) bool {
		return o.Status == api.StatusCancelled || o.Status == api.StatusDelivered
	})
	inspection := operator.inspect(t, o.ID)
	assert.Equal(t, "otto", operator.get(t, o.ID).History[0].User)
	assert.NotEmpty(t, inspection.Ledger.Payment.Status)
}
