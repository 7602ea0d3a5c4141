package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOrderIsDeliveredOrDeclined(t *testing.T) {
	c := customer(t)
	outcomes := map[string]string{}
	// Half of the payments are declined, so 50 orders with the same outcome are as likely as 50 heads in a row.
	for i := 0; len(outcomes) < 2 && i < 50; i++ {
		o := c.create(t)
		assert.Equal(t, int64(900), o.Total)
		o = c.await(t, o.ID, "confirmed or cancelled", func(o order) bool { return o.Status != "created" })
		outcomes[o.Status] = o.ID
	}
	for before, id := range outcomes {
		o := c.await(t, id, "final", order.final)
		if before == "cancelled" {
			assert.Equal(t, "created cancelled", o.path(t))
			assert.Equal(t, "declined", o.Payment.Status)
			assert.Equal(t, "payment", o.Cancellation.By)
			continue
		}
		assert.Equal(t, "created confirmed delivered", o.path(t))
		assert.Equal(t, "confirmed", o.Payment.Status)

		status, body := c.send(t, http.MethodPost, "/v1/orders/"+id+"/cancel", "")
		assert.Equal(t, http.StatusConflict, status)
		assert.Equal(t, "already-delivered", parse[problem](t, body).Code)
	}
	assert.Len(t, outcomes, 2)
}

func TestCancelledOrderIsVoidedAndNotDelivered(t *testing.T) {
	c := customer(t)
	var cancelled order
	await(t, "a cancel before the delivery", func() bool {
		o := c.create(t)
		status, body := c.send(t, http.MethodPost, "/v1/orders/"+o.ID+"/cancel", `{"reason":"changed my mind"}`)
		if status == http.StatusConflict {
			return false // delivered first: the machine was slow
		}
		require.Equal(t, http.StatusOK, status, "%s", body)
		cancelled = parse[order](t, body)
		// Otherwise the payment was declined first, which cancelled the order too.
		return cancelled.Cancellation != nil && cancelled.Cancellation.By == "customer"
	})
	assert.Equal(t, "cancelled", cancelled.Status)
	assert.Equal(t, "changed my mind", cancelled.Cancellation.Reason)
	c.await(t, cancelled.ID, "voided", func(o order) bool { return o.Payment.Status == "voided" })

	// Once a younger order has been delivered, the due time of this one has passed.
	await(t, "a younger order is delivered", func() bool {
		o := c.create(t)
		return c.await(t, o.ID, "final", order.final).Status == "delivered"
	})
	assert.Equal(t, "cancelled", c.get(t, cancelled.ID).Status)
}

func TestRepeatedCreateReturnsSameOrder(t *testing.T) {
	c := customer(t)
	send := func(body string) (*http.Response, []byte) {
		req := c.request(t, http.MethodPost, "/v1/orders", body)
		req.Header.Set("Idempotency-Key", "the-same")
		resp, err := checked(t).Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var buf [1 << 16]byte
		n, _ := resp.Body.Read(buf[:])
		return resp, buf[:n]
	}
	first, body := send(tea)
	require.Equal(t, http.StatusCreated, first.StatusCode, "%s", body)
	again, _ := send(tea)
	assert.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	assert.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	other, body := send(`{"items":[{"sku":"x","name":"x","quantity":1,"unitPrice":1}],"currency":"EUR"}`)
	assert.Equal(t, http.StatusUnprocessableEntity, other.StatusCode)
	assert.Equal(t, "idempotency-key-reused", parse[problem](t, body).Code)
	assert.Len(t, c.list(t), 1)
}

func (c client) list(t *testing.T) []order {
	t.Helper()
	status, body := c.send(t, http.MethodGet, "/v1/orders", "")
	require.Equal(t, http.StatusOK, status, "%s", body)
	return parse[struct {
		Orders []order `json:"orders"`
	}](t, body).Orders
}
