package webhooks

import (
	"encoding/json"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/webhooks"
	orders "orders/orders-actor/rest/convert"
)

// EventData returns the data of an event: the order as operators see it.
func EventData(o order.Order) any {
	return orders.Summary(o, auth.User{Role: auth.Operator})
}

func convert(w webhooks.Webhook) api.Webhook {
	converted := api.Webhook{
		ID: w.ID, URL: w.URL, Description: w.Description, Types: make([]api.EventType, len(w.Types)), Enabled: w.Enabled, DisabledReason: w.Reason,
		Failures: w.Failures, LastSuccessAt: w.LastSuccess, LastFailureAt: w.LastFailure, LastError: w.LastError,
		Waiting: w.Waiting, WaitingSince: w.OldestWaiting, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
	for i, t := range w.Types {
		converted.Types[i] = api.EventType(t)
	}
	if w.Previous != "" {
		converted.PreviousSecretUntil = w.PreviousUntil
	}
	return converted
}

// secretWebhook is api.WebhookWithSecret.
type secretWebhook struct {
	api.Webhook
	Secret string `json:"secret"`
}

func withSecret(w webhooks.Webhook, secret string) secretWebhook {
	return secretWebhook{convert(w), secret}
}

// delivery is api.WebhookDelivery, with the event as it was sent.
type delivery struct {
	api.WebhookDelivery
	Event json.RawMessage `json:"event"`
}

// deliveryList is api.WebhookDeliveryList.
type deliveryList struct {
	Deliveries []delivery `json:"deliveries"`
}

func convertDelivery(d webhooks.Delivery) delivery {
	return delivery{
		WebhookDelivery: api.WebhookDelivery{
			ID: d.ID, EventID: d.EventID, Type: d.Type, OrderID: d.OrderID, At: d.At, DurationMs: d.Duration.Milliseconds(), Attempt: d.Attempt,
			Delivered: d.Error == "", Status: d.Status, Error: d.Error,
		},
		Event: json.RawMessage(d.Body),
	}
}
