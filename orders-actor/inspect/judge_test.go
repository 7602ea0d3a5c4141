package inspect_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/payer"
)

const id = "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"

var (
	noon    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	errDown = errors.New("down")
)

func created() order.State {
	s, err := order.New(order.Create{
		ID: id, Auth: order.Auth{User: "alice", Role: "customer"}, Currency: "EUR", Fingerprint: "f",
		Items: []order.Item{{SKU: "tea-1", Name: "Green tea", Quantity: 2, UnitPrice: 450}},
	}, noon)
	if err != nil {
		panic(err)
	}
	return s
}

func settled(confirmed bool) order.State {
	s, _ := created().Settle(order.Settle{ID: id, Confirmed: confirmed, Attempts: 1}, noon.Add(time.Second), 10*time.Second)
	return s
}

func delivered() order.State {
	s, _ := settled(true).Deliver(noon.Add(11 * time.Second))
	return s
}

func cancelled(voidPending bool) order.State {
	s, _, _ := settled(true).Cancel(order.Cancel{ID: id, User: "alice", By: order.ByCustomer}, noon.Add(2*time.Second))
	s.VoidPending = voidPending
	return s
}

func record(status payer.RecordStatus, kinds ...string) payer.Record {
	r := payer.Record{OrderID: id, Status: status, Amount: 900, Currency: "EUR", DecidedAt: noon.Add(time.Second)}
	for _, kind := range kinds {
		r.Entries = append(r.Entries, payer.RecordEntry{Kind: kind, Amount: 900, At: r.DecidedAt})
	}
	return r
}

// consistent returns what all parts know of an order without a fault, soon after its last transition.
func consistent(s order.State) inspect.Observation {
	o := inspect.Observation{
		ID: id, After: time.Minute,
		Actor:    inspect.Answer[orderactor.Inspection]{Found: true, Value: orderactor.Inspection{Stored: true, State: s.Clone(), Host: "a:8080"}},
		Database: inspect.Answer[order.State]{Found: true, Value: s},
	}
	var ledger payer.Record
	switch {
	case s.Status == order.Created:
		return o
	case s.Status == order.Confirmed:
		o.Reminder = inspect.Answer[time.Time]{Found: true, Value: *s.DeliverAt}
		ledger = record(payer.RecordConfirmed, "charged")
	case s.Status == order.Delivered, s.VoidPending:
		ledger = record(payer.RecordConfirmed, "charged")
	case s.Payment.Status == order.PaymentVoided:
		ledger = record(payer.RecordVoided, "charged", "voided")
	default:
		ledger = record(payer.RecordDeclined)
	}
	o.Ledger = inspect.Answer[payer.Record]{Found: true, Value: ledger}
	return o
}

func codes(findings []inspect.Finding) (codes []inspect.Code) {
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestJudgeNamesWhatDiffers(t *testing.T) {
	type observation = inspect.Observation
	for name, c := range map[string]struct {
		state  order.State
		change func(*observation)
		now    time.Time
		codes  []inspect.Code
		fix    inspect.Fix
		says   string
	}{
		"created order without a payment yet":         {state: created()},
		"confirmed order":                             {state: settled(true)},
		"declined order":                              {state: settled(false)},
		"delivered order":                             {state: delivered()},
		"cancelled order, void pending":               {state: cancelled(true)},
		"cancelled order, voided":                     {state: cancelled(false)},
		"delivered order, much later":                 {state: delivered(), now: noon.Add(1000 * time.Hour)},
		"cancelled order whose reminder is still set": {state: cancelled(false), change: func(o *observation) { o.Reminder.Found = true }},
		"reminder of an earlier release":              {state: settled(true), change: func(o *observation) { o.Reminder.Value = time.Time{} }},
		"payment decided just now":                    {state: created(), change: func(o *observation) { o.Ledger.Found, o.Ledger.Value = true, record(payer.RecordConfirmed) }},
		"failed calls are only in the actor's copy":   {state: created(), change: func(o *observation) { o.Actor.Value.State.Payment.Attempts = 3 }},
		"no part answers": {state: created(), change: func(o *observation) {
			*o = observation{Actor: o.Actor, Database: o.Database}
			o.Actor.Found, o.Database.Found = false, false
		}},
		"order database without the order":           {state: created(), change: func(o *observation) { o.Database = inspect.Answer[order.State]{} }, codes: []inspect.Code{inspect.DatabaseMissing}, fix: inspect.Reconcile, says: "version 1"},
		"actor without a state":                      {state: created(), change: func(o *observation) { o.Actor.Found, o.Actor.Value.State = false, order.State{} }, codes: []inspect.Code{inspect.ActorMissing}, fix: inspect.Reconcile},
		"order database with an older version":       {state: settled(true), change: func(o *observation) { o.Database.Value = created() }, codes: []inspect.Code{inspect.DatabaseOlder}, fix: inspect.Reconcile, says: "has version 1, the actor version 2"},
		"actor with an older version":                {state: settled(true), change: func(o *observation) { o.Actor.Value.State = created() }, codes: []inspect.Code{inspect.ActorOlder}, fix: inspect.Reconcile},
		"two contents of one version":                {state: settled(false), change: func(o *observation) { o.Actor.Value.State.Cancellation = nil }, codes: []inspect.Code{inspect.ContentDiffers}, fix: inspect.Reconcile},
		"void pending in one copy":                   {state: cancelled(true), change: func(o *observation) { o.Actor.Value.State.VoidPending = false }, codes: []inspect.Code{inspect.VoidDiffers}, fix: inspect.Reconcile},
		"history with a gap":                         {state: func() order.State { s := settled(true); s.History = s.History[1:]; return s }(), codes: []inspect.Code{inspect.HistoryBroken}, fix: inspect.Report},
		"history that the machine does not allow":    {state: func() order.State { s := delivered(); s.History[1].Status = order.Cancelled; return s }(), codes: []inspect.Code{inspect.HistoryBroken}},
		"reminder lost":                              {state: settled(true), change: func(o *observation) { o.Reminder = inspect.Answer[time.Time]{} }, codes: []inspect.Code{inspect.ReminderMissing}, fix: inspect.Reconcile, says: "12:00:11"},
		"reminder replaced by a later one":           {state: settled(true), change: func(o *observation) { o.Reminder.Value = noon.Add(time.Hour) }, codes: []inspect.Code{inspect.ReminderLate}, fix: inspect.Reconcile},
		"payment decided, order does not know":       {state: created(), now: noon.Add(45 * time.Second), change: func(o *observation) { o.Ledger.Found, o.Ledger.Value = true, record(payer.RecordDeclined) }, codes: []inspect.Code{inspect.PaymentUnreported}, fix: inspect.Reconcile},
		"ledger lost the charge":                     {state: settled(true), change: func(o *observation) { o.Ledger = inspect.Answer[payer.Record]{} }, codes: []inspect.Code{inspect.ChargeMissing}, fix: inspect.Restore, says: "the ledger says nothing"},
		"delivered order whose payment was voided":   {state: delivered(), change: func(o *observation) { o.Ledger.Value = record(payer.RecordVoided, "charged", "voided") }, codes: []inspect.Code{inspect.ChargeMissing}},
		"charge of another amount":                   {state: settled(true), change: func(o *observation) { o.Ledger.Value.Amount = 1 }, codes: []inspect.Code{inspect.ChargeDiffers}, fix: inspect.Report},
		"two charges":                                {state: settled(true), change: func(o *observation) { o.Ledger.Value = record(payer.RecordConfirmed, "charged", "charged") }, codes: []inspect.Code{inspect.ChargedTwice}, fix: inspect.Report},
		"charge for a declined order":                {state: settled(false), change: func(o *observation) { o.Ledger.Value = record(payer.RecordConfirmed, "charged") }, codes: []inspect.Code{inspect.ChargeNotVoided}, fix: inspect.Report},
		"void acknowledged and lost":                 {state: cancelled(false), change: func(o *observation) { o.Ledger.Value = record(payer.RecordConfirmed, "charged") }, codes: []inspect.Code{inspect.VoidMissing}, fix: inspect.Reconcile},
		"ledger without the void of an unpaid order": {state: cancelled(false), change: func(o *observation) { o.Ledger = inspect.Answer[payer.Record]{} }, codes: []inspect.Code{inspect.VoidMissing}},
		"unpaid for too long": {state: created(), now: noon.Add(2 * time.Minute), change: func(o *observation) {
			o.Actor.Value.Jobs = []order.Job{{State: order.JobFailed, Tries: 7, LastError: "503"}}
		}, codes: []inspect.Code{inspect.Unpaid}, fix: inspect.Wait, says: "after 7 calls (503)"},
		"overdue":                   {state: settled(true), now: noon.Add(2 * time.Minute), codes: []inspect.Code{inspect.Overdue}, fix: inspect.Wait},
		"void pending for too long": {state: cancelled(true), now: noon.Add(2 * time.Minute), codes: []inspect.Code{inspect.VoidPending}, fix: inspect.Wait},
		"only the order database answers, and is late": {state: created(), now: noon.Add(2 * time.Minute), change: func(o *observation) {
			*o = observation{Database: o.Database, After: o.After, Actor: inspect.Answer[orderactor.Inspection]{Err: errDown}, Ledger: inspect.Answer[payer.Record]{Err: errDown}}
		}, codes: []inspect.Code{inspect.Unpaid}},
		"only the actor answers": {state: settled(true), change: func(o *observation) {
			o.Database = inspect.Answer[order.State]{Err: errDown}
			o.Ledger = inspect.Answer[payer.Record]{Err: errDown}
			o.Reminder = inspect.Answer[time.Time]{Err: errDown}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := consistent(c.state)
			if c.change != nil {
				c.change(&o)
			}
			now := c.now
			if now.IsZero() {
				now = noon.Add(12 * time.Second)
			}
			findings := inspect.Judge(o, now)
			require.Equal(t, c.codes, codes(findings), "%+v", findings)
			if c.fix != "" {
				assert.Equal(t, c.fix, findings[0].Fix)
				assert.Contains(t, findings[0].Detail, c.says)
			}
		})
	}
}

var states = map[string]func() order.State{
	"created": created, "confirmed": func() order.State { return settled(true) }, "declined": func() order.State { return settled(false) },
	"delivered": delivered, "cancelled": func() order.State { return cancelled(true) }, "voided": func() order.State { return cancelled(false) },
}

func drawState(t *rapid.T, name string) order.State {
	return states[rapid.SampledFrom([]string{"created", "confirmed", "declined", "delivered", "cancelled", "voided"}).Draw(t, name)]()
}

// drawObservation draws parts that need not belong together.
func drawObservation(t *rapid.T) inspect.Observation {
	o := consistent(drawState(t, "state"))
	other := consistent(drawState(t, "other state"))
	for _, part := range []struct {
		name    string
		replace func()
		lose    func()
		fail    func()
	}{
		{"actor", func() { o.Actor = other.Actor }, func() { o.Actor = inspect.Answer[orderactor.Inspection]{} }, func() { o.Actor = inspect.Answer[orderactor.Inspection]{Err: errDown} }},
		{"database", func() { o.Database = other.Database }, func() { o.Database = inspect.Answer[order.State]{} }, func() { o.Database = inspect.Answer[order.State]{Err: errDown} }},
		{"ledger", func() { o.Ledger = other.Ledger }, func() { o.Ledger = inspect.Answer[payer.Record]{} }, func() { o.Ledger = inspect.Answer[payer.Record]{Err: errDown} }},
		{"reminder", func() { o.Reminder = other.Reminder }, func() { o.Reminder = inspect.Answer[time.Time]{} }, func() { o.Reminder = inspect.Answer[time.Time]{Err: errDown} }},
	} {
		rapid.SampledFrom([]func(){func() {}, part.replace, part.lose, part.fail}).Draw(t, part.name)()
	}
	return o
}

func TestJudgeOfAnyObservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t)
		now := noon.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
		findings := inspect.Judge(o, now)
		require.Equal(t, findings, inspect.Judge(o, now), "the same each time")
		seen := map[inspect.Code]bool{}
		for _, f := range findings {
			require.False(t, seen[f.Code], "one finding per code")
			seen[f.Code] = true
			require.NotEmpty(t, f.Detail)
			require.Equal(t, f.Severity == inspect.Waiting, f.Fix == inspect.Wait)
		}
		// A part that does not answer adds no difference in which it takes part.
		silent := o
		silent.Ledger = inspect.Answer[payer.Record]{Err: errDown}
		for _, f := range inspect.Judge(silent, now) {
			require.True(t, seen[f.Code], f.Code)
		}
		// A difference of the stores is found whenever both answer.
		if both := o.Actor.Err == nil && o.Database.Err == nil; both && o.Actor.Value.State.Version != o.Database.Value.Version {
			require.NotEmpty(t, findings)
			require.Equal(t, inspect.Inconsistent, findings[0].Severity)
		}
	})
}

func TestConsistentOrdersHaveNoFinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := consistent(drawState(t, "state"))
		require.Empty(t, inspect.Judge(o, noon.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds"))*time.Second)))
	})
}
