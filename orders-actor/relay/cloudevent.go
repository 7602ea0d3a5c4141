package relay

import (
	"fmt"
	"time"

	"orders/orders-actor/order"
)

// CloudEvent is an event in the JSON format of CloudEvents 1.0.
type CloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	DataSchema      string    `json:"dataschema,omitempty"`
	Data            any       `json:"data"`
}

// NewCloudEvent returns an event about nothing in particular.
func NewCloudEvent(id, eventType string, at time.Time, data any) CloudEvent {
	return CloudEvent{
		SpecVersion: "1.0", ID: id, Source: "/v1/orders", Type: eventType, Time: at.UTC(), DataContentType: "application/json", Data: data,
	}
}

// OrderEvent returns the event of a version of an order. data is the order as in the contract. An event that is sent again has the same
// id.
func OrderEvent(o order.Order, data any) CloudEvent {
	e := NewCloudEvent(fmt.Sprintf("%s_%d", o.ID, o.Version), Type(o.Status), o.UpdatedAt, data)
	e.Subject, e.DataSchema = o.ID, "/openapi.yaml#/components/schemas/OrderSummary"
	return e
}

// Type returns the type of the events of versions with a status.
func Type(s order.Status) string { return "orders.order." + string(s) + ".v1" }
