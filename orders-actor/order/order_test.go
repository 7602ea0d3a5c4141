package order_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
)

var (
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	alice = order.Auth{User: "alice", Role: "customer"}
)

const deliverAfter = 10 * time.Second

func created(t require.TestingT, auth order.Auth) order.State {
	s, err := order.New(order.Create{
		ID: "0198f7a0-0000-7000-8000-000000000001", Auth: auth, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}, {SKU: "cup", Name: "Cup", Quantity: 1, UnitPrice: 0}},
	}, noon)
	require.NoError(t, err)
	return s
}

func confirmed(t require.TestingT) order.State {
	s, ok := created(t, alice).Settle(order.Settle{Confirmed: true, Attempts: 1}, noon, deliverAfter)
	require.True(t, ok)
	return s
}

func delivered(t require.TestingT) order.State {
	s, ok := confirmed(t).Deliver(noon.Add(deliverAfter))
	require.True(t, ok)
	return s
}

func cancelled(t require.TestingT) order.State {
	s, ok, err := created(t, alice).Cancel(order.Cancel{User: "alice", By: order.ByCustomer, Reason: "too expensive"}, noon)
	require.NoError(t, err)
	require.True(t, ok)
	return s
}

func TestNewOrderIsCreatedWithVersionOne(t *testing.T) {
	s := created(t, alice)
	assert.Equal(t, order.Created, s.Status)
	assert.Equal(t, 1, s.Version)
	assert.EqualValues(t, 900, s.Total)
	assert.Equal(t, "alice", s.Customer)
	assert.Equal(t, order.PaymentPending, s.Payment.Status)
	assert.Nil(t, s.DeliverAt)
	assert.Equal(t, []order.Entry{{Version: 1, Status: order.Created, At: noon, Cause: "created", By: order.ByCustomer, User: "alice"}}, s.History)
	assert.Equal(t, order.ByOperator, created(t, order.Auth{User: "olga", Role: "operator"}).History[0].By)
}

func TestSettleAppliesOnlyToACreatedOrder(t *testing.T) {
	s := confirmed(t)
	assert.Equal(t, order.Confirmed, s.Status)
	assert.Equal(t, noon.Add(deliverAfter), *s.DeliverAt)
	assert.Equal(t, order.Payment{Status: order.PaymentDone, Attempts: 1}, s.Payment)

	declined, ok := created(t, alice).Settle(order.Settle{Reason: "no funds", Attempts: 2}, noon, deliverAfter)
	require.True(t, ok)
	assert.Equal(t, order.Cancelled, declined.Status)
	assert.Equal(t, order.Payment{Status: order.PaymentRefused, Reason: "no funds", Attempts: 2}, declined.Payment)
	assert.Equal(t, &order.Cancellation{By: order.ByPayment, Reason: "no funds"}, declined.Cancellation)
	assert.False(t, declined.VoidPending, "a declined payment needs no void")

	for _, late := range []order.State{s, declined, cancelled(t), delivered(t)} {
		for _, answer := range []bool{true, false} {
			after, ok := late.Settle(order.Settle{Confirmed: answer}, noon, deliverAfter)
			assert.False(t, ok)
			assert.Equal(t, late, after)
		}
	}
}

func TestCancelMakesTheVoidPending(t *testing.T) {
	for name, before := range map[string]order.State{"created": created(t, alice), "confirmed": confirmed(t)} {
		t.Run(name, func(t *testing.T) {
			s, ok, err := before.Cancel(order.Cancel{User: "alice", By: order.ByCustomer, Reason: "too expensive"}, noon)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, order.Cancelled, s.Status)
			assert.Equal(t, order.PaymentVoided, s.Payment.Status)
			assert.Equal(t, &order.Cancellation{By: order.ByCustomer, Reason: "too expensive"}, s.Cancellation)
			assert.Nil(t, s.DeliverAt)
			require.True(t, s.VoidPending)

			again, changed, err := s.Cancel(order.Cancel{User: "alice", By: order.ByCustomer, Reason: "other"}, noon)
			require.NoError(t, err)
			assert.False(t, changed)
			assert.Equal(t, s, again)

			paid, ok := s.Voided()
			assert.True(t, ok)
			assert.False(t, paid.VoidPending)
			assert.Equal(t, s.Version, paid.Version)
			_, ok = paid.Voided()
			assert.False(t, ok)
		})
	}
}

func TestCancelIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		state  order.State
		cancel order.Cancel
		want   order.Refusal
	}{
		"another customer's order": {confirmed(t), order.Cancel{User: "bob", By: order.ByCustomer}, order.Refusal{Code: order.OrderNotFound}},
		"another version":          {confirmed(t), order.Cancel{User: "alice", By: order.ByCustomer, IfVersion: 1}, order.Refusal{Code: order.VersionMismatch, Status: order.Confirmed, Version: 2}},
		"delivered":                {delivered(t), order.Cancel{User: "olga", By: order.ByOperator}, order.Refusal{Code: order.AlreadyDelivered, Status: order.Delivered, Version: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			after, changed, err := c.state.Cancel(c.cancel, noon)
			var got *order.Refusal
			require.ErrorAs(t, err, &got)
			assert.NotEmpty(t, got.Detail)
			c.want.Detail = got.Detail
			assert.Equal(t, c.want, *got)
			assert.False(t, changed)
			assert.Equal(t, c.state, after)
		})
	}
	_, _, err := confirmed(t).Cancel(order.Cancel{User: "olga", By: order.ByOperator, IfVersion: 2}, noon)
	require.NoError(t, err, "an operator cancels any order, also with the matching version")
}

func TestDeliverAppliesOnlyToADueConfirmedOrder(t *testing.T) {
	due := noon.Add(deliverAfter)
	_, ok := confirmed(t).Deliver(due.Add(-time.Millisecond))
	assert.False(t, ok, "early")
	for _, s := range []order.State{created(t, alice), cancelled(t), delivered(t)} {
		_, ok := s.Deliver(due)
		assert.False(t, ok, s.Status)
	}
	assert.Equal(t, order.Delivered, delivered(t).Status)
}

// drawCommand returns a random command, and the event that it causes.
func drawCommand(t *rapid.T) (order.Event, func(order.State, time.Time) (order.State, bool)) {
	event := rapid.SampledFrom([]order.Event{
		order.PaymentConfirmed, order.PaymentDeclined, order.CancelRequested, order.DeliveryDue,
	}).Draw(t, "event")
	return event, func(s order.State, now time.Time) (order.State, bool) {
		switch event {
		case order.CancelRequested:
			next, changed, _ := s.Cancel(order.Cancel{User: "alice", By: order.ByCustomer}, now)
			return next, changed
		case order.DeliveryDue:
			if s.DeliverAt != nil && now.Before(*s.DeliverAt) {
				now = *s.DeliverAt
			}
			return s.Deliver(now)
		default:
			return s.Settle(order.Settle{Confirmed: event == order.PaymentConfirmed}, now, deliverAfter)
		}
	}
}

// Random commands run at random times, also backward ones. The model consists of the state machine only.
func TestRandomCommandsFollowTheStateMachine(t *testing.T) {
	allowed := map[order.Status]map[order.Event]order.Status{}
	for _, transition := range order.Transitions() {
		if allowed[transition.From] == nil {
			allowed[transition.From] = map[order.Event]order.Status{}
		}
		allowed[transition.From][transition.Event] = transition.To
	}
	rapid.Check(t, func(t *rapid.T) {
		s := created(t, alice)
		now := noon
		for range rapid.IntRange(0, 8).Draw(t, "commands") {
			now = now.Add(time.Duration(rapid.IntRange(-2000, 20_000).Draw(t, "ms")) * time.Millisecond)
			event, apply := drawCommand(t)
			before, err := json.Marshal(s)
			require.NoError(t, err)

			next, changed := apply(s, now)
			to, ok := allowed[s.Status][event]
			require.Equal(t, ok, changed)

			after, err := json.Marshal(s)
			require.NoError(t, err)
			require.Equal(t, string(before), string(after), "a command does not modify the old state")
			if !changed {
				require.Equal(t, s, next)
				continue
			}
			require.False(t, s.Status.Final(), "a final status has no transition")
			require.Equal(t, to, next.Status)
			require.Equal(t, s.Version+1, next.Version)
			require.Equal(t, s.History, next.History[:len(s.History)], "the history is append-only")
			s = next
		}
		require.Len(t, s.History, s.Version)
		for i, e := range s.History {
			require.Equal(t, i+1, e.Version)
			if i > 0 {
				require.False(t, e.At.Before(s.History[i-1].At), "times do not decrease")
				require.Equal(t, e.Status, allowed[s.History[i-1].Status][order.Event(e.Cause)])
			}
		}
		last := s.History[len(s.History)-1]
		require.Equal(t, last.Status, s.Status)
		require.Equal(t, last.At, s.UpdatedAt)

		text, err := json.Marshal(s)
		require.NoError(t, err)
		var back order.State
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, s, back, "a state is equal after encoding and decoding")
	})
}

func TestStateMachineReachesEveryStatus(t *testing.T) {
	var finals []order.Status
	reached := map[order.Status]bool{order.Created: true}
	for _, s := range order.Statuses {
		assert.True(t, s.Valid())
		out := 0
		for _, transition := range order.Transitions() {
			if transition.From == s {
				out++
				reached[transition.To] = true
			}
		}
		assert.Equal(t, out == 0, s.Final(), s)
		if s.Final() {
			finals = append(finals, s)
		}
	}
	assert.Equal(t, []order.Status{order.Delivered, order.Cancelled}, finals)
	assert.Len(t, reached, len(order.Statuses), "each status is reachable")
	assert.False(t, order.Status("shipped").Valid())
	_, ok := order.Created.Next(order.DeliveryDue)
	assert.False(t, ok)
}

func TestCheckReportsEachInvalidField(t *testing.T) {
	good := order.Item{SKU: "tea-1", Name: "Green tea", Quantity: 1, UnitPrice: 450}
	item := func(change func(*order.Item)) []order.Item {
		i := good
		change(&i)
		return []order.Item{i}
	}
	many := func(n int) []order.Item {
		items := make([]order.Item, n)
		for i := range items {
			items[i] = good
		}
		return items
	}
	expensive := many(2)
	for i := range expensive {
		expensive[i].Quantity, expensive[i].UnitPrice = 100, order.MaxUnitPrice
	}
	for name, c := range map[string]struct {
		items    []order.Item
		currency string
		bad      []string // fields
	}{
		"good":          {many(1), "EUR", nil},
		"free":          {item(func(i *order.Item) { i.UnitPrice = 0 }), "JPY", nil},
		"most items":    {many(order.MaxItems), "EUR", nil},
		"highest total": {expensive[:1], "EUR", nil},
		"longest texts in runes": {item(func(i *order.Item) {
			i.SKU, i.Name = strings.Repeat("ü", order.MaxSKU), strings.Repeat("茶", order.MaxName)
		}), "EUR", nil},
		"no items":          {nil, "EUR", []string{"items"}},
		"too many items":    {many(order.MaxItems + 1), "EUR", []string{"items"}},
		"unknown currency":  {many(1), "XXX", []string{"currency"}},
		"lower case":        {many(1), "eur", []string{"currency"}},
		"quantity 0":        {item(func(i *order.Item) { i.Quantity = 0 }), "EUR", []string{"items[0].quantity"}},
		"quantity negative": {item(func(i *order.Item) { i.Quantity = -1 }), "EUR", []string{"items[0].quantity"}},
		"quantity too high": {item(func(i *order.Item) { i.Quantity = order.MaxQuantity + 1 }), "EUR", []string{"items[0].quantity"}},
		"price negative":    {item(func(i *order.Item) { i.UnitPrice = -1 }), "EUR", []string{"items[0].unitPrice"}},
		"price too high":    {item(func(i *order.Item) { i.UnitPrice = order.MaxUnitPrice + 1 }), "EUR", []string{"items[0].unitPrice"}},
		"overflow of int64": {item(func(i *order.Item) { i.Quantity, i.UnitPrice = 1<<31-1, 1<<63-1 }), "EUR", []string{"items[0].quantity", "items[0].unitPrice"}},
		"total too high":    {expensive, "EUR", []string{"items"}},
		"blank SKU":         {item(func(i *order.Item) { i.SKU = " \t" }), "EUR", []string{"items[0].sku"}},
		"long SKU":          {item(func(i *order.Item) { i.SKU = strings.Repeat("a", order.MaxSKU+1) }), "EUR", []string{"items[0].sku"}},
		"no name":           {item(func(i *order.Item) { i.Name = "" }), "EUR", []string{"items[0].name"}},
		"long name":         {item(func(i *order.Item) { i.Name = strings.Repeat("a", order.MaxName+1) }), "EUR", []string{"items[0].name"}},
		"NUL":               {item(func(i *order.Item) { i.Name = "a\x00b" }), "EUR", []string{"items[0].name"}},
		"broken UTF-8":      {item(func(i *order.Item) { i.Name = "a\xff" }), "EUR", []string{"items[0].name"}},
		"each field":        {item(func(i *order.Item) { *i = order.Item{UnitPrice: -1} }), "", []string{"currency", "items[0].sku", "items[0].name", "items[0].quantity", "items[0].unitPrice"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := order.Check(c.items, c.currency)
			if c.bad == nil {
				require.NoError(t, err)
				return
			}
			var invalid *order.Invalid
			require.ErrorAs(t, err, &invalid)
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
				assert.NotEmpty(t, f.Message)
			}
			assert.Equal(t, c.bad, fields)
		})
	}
}

// The totals are compared with sums that cannot overflow.
func TestCheckReturnsExactTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var items []order.Item
		sum := 0.0
		for range rapid.IntRange(1, order.MaxItems).Draw(t, "items") {
			i := order.Item{
				SKU: "s", Name: "n",
				Quantity:  rapid.IntRange(1, order.MaxQuantity).Draw(t, "quantity"),
				UnitPrice: rapid.Int64Range(0, order.MaxUnitPrice).Draw(t, "price"),
			}
			items = append(items, i)
			sum += float64(i.Quantity) * float64(i.UnitPrice) // exact below 2^53
		}
		total, err := order.Check(items, "USD")
		if sum > order.MaxTotal {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.InDelta(t, sum, float64(total), 0)
	})
}

func TestReasonKeepsLineBreaksAndRefusesOtherControlCharacters(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "  ": "", " \r\n\t ": "", "too expensive": "too expensive", "one\r\ntwo\rthree\n\tfour": "one\ntwo\nthree\n\tfour",
		strings.Repeat("ü", order.MaxReason):            strings.Repeat("ü", order.MaxReason),
		strings.Repeat("\r\n", order.MaxReason-1) + "a": strings.Repeat("\n", order.MaxReason-1) + "a",
	} {
		got, err := order.Reason(given)
		require.NoError(t, err, "%q", given)
		assert.Equal(t, want, got)
	}
	for _, bad := range []string{strings.Repeat("a", order.MaxReason+1), "a\x00b", "a\vb", "a\fb", "a\x1bb", "a\x7fb", "a\u0085b", "\xff"} {
		_, err := order.Reason(bad)
		var invalid *order.Invalid
		require.ErrorAs(t, err, &invalid, "%q", bad)
		assert.Equal(t, "reason", invalid.Fields[0].Field)
	}
}

func TestOperatorCreatesAnOrderForACustomer(t *testing.T) {
	olga := order.Auth{User: "olga", Role: "operator"}
	create := order.Create{
		ID: "0198f7a0-0000-7000-8000-000000000001", Auth: olga, Customer: "alice", Currency: "EUR", Fingerprint: "f", Call: "first",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}
	s, err := order.New(create, noon)
	require.NoError(t, err)
	assert.Equal(t, "alice", s.Customer)
	assert.Equal(t, olga, s.Auth)
	assert.Equal(t, []order.Entry{{Version: 1, Status: order.Created, At: noon, Cause: "created", By: order.ByOperator, User: "olga"}}, s.History)
	stored, err := json.Marshal(s)
	require.NoError(t, err)
	decoded, err := order.Decode(stored)
	require.NoError(t, err)
	assert.Equal(t, s, decoded)

	_, changed, err := s.Cancel(order.Cancel{User: "olga", By: order.ByCustomer}, noon)
	require.Error(t, err, "the order is not that of its creator")
	assert.False(t, changed)
	_, changed, err = s.Cancel(order.Cancel{User: "alice", By: order.ByCustomer}, noon)
	require.NoError(t, err)
	assert.True(t, changed)

	for name, test := range map[string]struct {
		change   func(*order.Create)
		replayed bool
		code     order.Code
	}{
		"the same call":          {func(*order.Create) {}, false, ""},
		"another call":           {func(c *order.Create) { c.Call = "second" }, true, ""},
		"refused meanwhile":      {func(c *order.Create) { c.Call, c.Refused = "second", []order.FieldError{{Field: "items[0].sku"}} }, true, ""},
		"another customer":       {func(c *order.Create) { c.Customer = "bob" }, false, order.KeyReused},
		"without a customer":     {func(c *order.Create) { c.Customer = "" }, false, order.KeyReused},
		"of the customer itself": {func(c *order.Create) { c.Customer, c.Auth = "", alice }, false, order.KeyReused},
	} {
		again := create
		test.change(&again)
		replayed, err := s.CheckReplay(again)
		assert.Equal(t, test.replayed, replayed, name)
		var refusal *order.Refusal
		if test.code == "" {
			assert.NoError(t, err, name)
		} else if assert.ErrorAs(t, err, &refusal, name) {
			assert.Equal(t, test.code, refusal.Code, name)
		}
	}
}

func TestNewOrderForACustomerIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		role, customer string
		refused        []order.FieldError
		code           order.Code
		fields         []string
	}{
		"a customer names another":     {role: "customer", customer: "bob", code: order.Forbidden},
		"a customer names themselves":  {role: "customer", customer: "olga"},
		"an operator names themselves": {role: "operator", customer: "olga"},
		"255 characters":               {role: "operator", customer: strings.Repeat("é", 255)},
		"256 characters":               {role: "operator", customer: strings.Repeat("é", 256), fields: []string{"customer"}},
		"blank":                        {role: "operator", customer: " ", fields: []string{"customer"}},
		"two lines":                    {role: "operator", customer: "a\nb", fields: []string{"customer"}},
		"not UTF-8":                    {role: "operator", customer: "a\xff", fields: []string{"customer"}},
		"not in the catalogue":         {role: "operator", refused: []order.FieldError{{Field: "items[0].sku", Message: "is not in the catalogue"}}, fields: []string{"items[0].sku"}},
	} {
		s, err := order.New(order.Create{
			Auth: order.Auth{User: "olga", Role: test.role}, Customer: test.customer, Refused: test.refused, Currency: "EUR",
			Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
		}, noon)
		var refusal *order.Refusal
		var invalid *order.Invalid
		switch {
		case test.code != "":
			require.ErrorAs(t, err, &refusal, name)
			assert.Equal(t, test.code, refusal.Code, name)
		case test.fields != nil:
			require.ErrorAs(t, err, &invalid, name)
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, test.fields, fields, name)
		default:
			require.NoError(t, err, name)
			assert.Equal(t, test.customer, s.Customer, name)
		}
	}
	_, err := order.New(order.Create{Auth: order.Auth{User: "olga", Role: "operator"}, Customer: " "}, noon)
	var invalid *order.Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Fields, 3, "currency, items and customer are reported together")
}
