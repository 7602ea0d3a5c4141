package order

import (
	"encoding/json"
	"slices"

	"orders/api"
)

// Status is the status of an order.
type Status string

// The four statuses. Delivered and Cancelled are final.
const (
	Created   Status = "created"
	Confirmed Status = "confirmed"
	Delivered Status = "delivered"
	Cancelled Status = "cancelled"
)

// Statuses are all statuses in the sequence of the lifecycle.
var Statuses = []Status{Created, Confirmed, Delivered, Cancelled}

// Event causes a transition.
type Event string

// The events of the state machine (api/order-machine.json).
const (
	PaymentConfirmed Event = "payment-confirmed"
	PaymentDeclined  Event = "payment-declined"
	CancelRequested  Event = "cancel"
	DeliveryDue      Event = "delivery-due"
)

// Transition is one transition of the state machine.
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

// mustParseMachine panics if the file is invalid. The file is compiled in.
func mustParseMachine(data []byte) machineFile {
	var m machineFile
	if err := json.Unmarshal(data, &m); err != nil {
		panic("order: order-machine.json: " + err.Error())
	}
	return m
}

// Transitions returns all transitions of the state machine.
func Transitions() []Transition { return slices.Clone(machine.Transitions) }

// Next returns the status after event, or false if the machine has no such transition from s.
func (s Status) Next(event Event) (Status, bool) {
	for _, t := range machine.Transitions {
		if t.From == s && t.Event == event {
			return t.To, true
		}
	}
	return s, false
}

// Final reports whether s has no transition.
func (s Status) Final() bool { return slices.Contains(machine.Final, s) }

// Valid reports whether s is one of the four statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses, s) }
