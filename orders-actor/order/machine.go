package order

import (
	"encoding/json"
	"slices"

	"orders/api"
)

// Status is where an order stands.
type Status string

// The four statuses. Delivered and Cancelled are final.
const (
	Created   Status = "created"
	Confirmed Status = "confirmed"
	Delivered Status = "delivered"
	Cancelled Status = "cancelled"
)

// Statuses lists all statuses in the order of an order's life.
var Statuses = []Status{Created, Confirmed, Delivered, Cancelled}

// Event is what moves an order from one status to the next.
type Event string

// The events of the machine (api/order-machine.json).
const (
	PaymentConfirmed Event = "payment-confirmed"
	PaymentDeclined  Event = "payment-declined"
	CancelAsked      Event = "cancel"
	DeliveryDue      Event = "delivery-due"
)

// Transition is one arrow of the machine.
type Transition struct {
	From  Status `json:"from"`
	Event Event  `json:"event"`
	To    Status `json:"to"`
}

var machine = mustParseMachine(api.OrderMachine)

type machineFile struct {
	Initial     Status       `json:"initial"`
	Final       []Status     `json:"final"`
	Transitions []Transition `json:"transitions"`
}

// mustParseMachine panics on a broken file: it is compiled in, so only a developer can break it.
func mustParseMachine(data []byte) machineFile {
	var m machineFile
	if err := json.Unmarshal(data, &m); err != nil {
		panic("order: order-machine.json: " + err.Error())
	}
	return m
}

// Transitions returns every arrow of the machine.
func Transitions() []Transition { return slices.Clone(machine.Transitions) }

// Next is the guard: where event leads from s, and whether it is allowed there at all.
func (s Status) Next(event Event) (Status, bool) {
	for _, t := range machine.Transitions {
		if t.From == s && t.Event == event {
			return t.To, true
		}
	}
	return s, false
}

// Final says that no event leads out of s.
func (s Status) Final() bool { return slices.Contains(machine.Final, s) }

// Valid says that s is one of the four statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses, s) }
