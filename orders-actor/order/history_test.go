package order_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
)

var (
	createOrigin = order.Origin{RequestID: "request-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	cancelOrigin = order.Origin{RequestID: "request-2", TraceID: "00f067aa0ba902b74bf92f3577b34da6"}
)

func TestHistoryNamesUsersAndRequests(t *testing.T) {
	s, err := order.New(order.Create{
		ID: "0198f7a0-0000-7000-8000-000000000001", Auth: alice, Currency: "EUR", Origin: createOrigin,
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, noon)
	require.NoError(t, err)
	s, ok := s.Settle(order.Settle{Confirmed: true, Attempts: 1}, noon, deliverAfter)
	require.True(t, ok)
	delivered, ok := s.Deliver(noon.Add(deliverAfter))
	require.True(t, ok)
	cancelled, ok, err := s.Cancel(order.Cancel{User: "olga", By: order.ByOperator, Reason: "out of stock", Origin: cancelOrigin}, noon)
	require.NoError(t, err)
	require.True(t, ok)

	ofCreate := order.Origin{TraceID: createOrigin.TraceID} // no request of a user causes these
	first := []order.Entry{
		{Version: 1, Status: order.Created, At: noon, Cause: "created", By: order.ByCustomer, User: "alice", Origin: createOrigin},
		{Version: 2, Status: order.Confirmed, At: noon, Cause: "payment-confirmed", By: order.ByPayment, Origin: ofCreate},
	}
	assert.Equal(t, append(first[:2:2], order.Entry{
		Version: 3, Status: order.Delivered, At: noon.Add(deliverAfter), Cause: "delivery-due", By: order.BySystem, Origin: ofCreate,
	}), delivered.History)
	assert.Equal(t, append(first[:2:2], order.Entry{
		Version: 3, Status: order.Cancelled, At: noon, Cause: "cancel", By: order.ByOperator, User: "olga", Origin: cancelOrigin,
	}), cancelled.History)
	assert.Equal(t, "out of stock", cancelled.ReasonFor(cancelled.History[2]))
	assert.Empty(t, cancelled.ReasonFor(cancelled.History[0]))

	assert.Equal(t, cancelled.History[2:], cancelled.Summary().History)
	assert.Len(t, cancelled.History, 3, "a summary does not change the order")
	assert.Empty(t, order.Order{}.Summary().History)
}

func TestFailedPaymentCallsStayInTheOrder(t *testing.T) {
	failing, ok := created(t, alice).PaymentFailed(order.PaymentFailed{Attempts: 3, Error: "the payment service is unavailable"}, noon.Add(time.Second))
	require.True(t, ok)
	want := order.Payment{Status: order.PaymentPending, Attempts: 3, LastError: "the payment service is unavailable", LastErrorAt: noon.Add(time.Second)}
	assert.Equal(t, want, failing.Payment)
	_, ok = failing.PaymentFailed(order.PaymentFailed{Attempts: 3, Error: "again"}, noon.Add(time.Minute))
	assert.False(t, ok)

	declined, ok := failing.Settle(order.Settle{Attempts: 4, Reason: "no funds"}, noon.Add(time.Minute), deliverAfter)
	require.True(t, ok)
	want.Status, want.Attempts, want.Reason = order.PaymentRefused, 4, "no funds"
	assert.Equal(t, want, declined.Payment)
	assert.Equal(t, "no funds", declined.ReasonFor(declined.History[1]))

	cancelled, _, err := failing.Cancel(order.Cancel{User: "alice", By: order.ByCustomer}, noon.Add(time.Minute))
	require.NoError(t, err)
	want.Status, want.Attempts, want.Reason = order.PaymentVoided, 3, ""
	assert.Equal(t, want, cancelled.Payment)
}

// Request ids are checked where requests come in, and reasons where users enter them. Nothing else may grow the state.
func TestTextsOfOtherServicesAreLimited(t *testing.T) {
	long := strings.Repeat("ü", 2*order.MaxReason)
	cut := strings.Repeat("ü", order.MaxReason)
	failing, _ := created(t, alice).PaymentFailed(order.PaymentFailed{Attempts: 1, Error: long}, noon)
	assert.Equal(t, cut, failing.Payment.LastError)
	declined, _ := created(t, alice).Settle(order.Settle{Reason: long}, noon, deliverAfter)
	assert.Equal(t, cut, declined.Payment.Reason)
	assert.Equal(t, cut, declined.Cancellation.Reason)
	short, _ := created(t, alice).Settle(order.Settle{Reason: cut}, noon, deliverAfter)
	assert.Equal(t, cut, short.Payment.Reason)

	cancelled, _, err := created(t, alice).Cancel(order.Cancel{
		User: "alice", By: order.ByCustomer, Origin: order.Origin{RequestID: long, TraceID: long},
	}, noon)
	require.NoError(t, err)
	assert.Equal(t, order.Origin{}, cancelled.History[1].Origin)
}
