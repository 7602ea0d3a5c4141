package operator

import (
	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/inspect"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/attention"
	"orders/orders-actor/payer"
	"orders/orders-actor/rest/convert"
)

// response is api.Inspection. The generated type cannot leave out an order.
type response struct {
	api.Inspection
	Actor    actor    `json:"actor"`
	Database database `json:"database"`
	Ledger   ledger   `json:"ledger"`
}

type actor struct {
	Error string           `json:"error,omitempty"`
	Host  string           `json:"host,omitempty"`
	Order *stored          `json:"order,omitempty"`
	Jobs  []api.PaymentJob `json:"jobs,omitempty"`
}

type database struct {
	Error string  `json:"error,omitempty"`
	Order *stored `json:"order,omitempty"`
}

type ledger struct {
	Error   string             `json:"error,omitempty"`
	Payment *api.LedgerPayment `json:"payment,omitempty"`
}

// stored is api.StoredOrder.
type stored struct {
	api.Order
	VoidPending bool `json:"voidPending"`
}

func inspection(u auth.User, r inspect.Result, repairs []attention.Repair) response {
	o := r.Observation
	res := response{
		Inspection: api.Inspection{
			ID: o.ID, At: r.At.UTC(), Verdict: api.Verdict(r.Verdict), Summary: r.Summary(),
			Findings: make([]api.Finding, len(r.Findings)), Repairs: make([]api.Repair, len(repairs)),
			Reminder: api.InspectedReminder{Error: errorText(o.Reminder.Err), Set: o.Reminder.Found, DueAt: o.Reminder.Value.UTC()},
		},
		Actor:    actor{Error: errorText(o.Actor.Err), Host: o.Actor.Value.Host},
		Database: database{Error: errorText(o.Database.Err)},
		Ledger:   ledger{Error: errorText(o.Ledger.Err)},
	}
	for i, f := range r.Findings {
		res.Findings[i] = api.Finding{Code: api.FindingCode(f.Code), Severity: api.Severity(f.Severity), Fix: api.Fix(f.Fix), Detail: f.Detail}
	}
	for i, repair := range repairs {
		res.Repairs[i] = api.Repair{
			At: repair.At, User: repair.User, Reason: repair.Reason, RequestID: repair.RequestID, TraceID: repair.TraceID,
			Done: repair.Done, Steps: convertSteps(repair.Steps), Error: repair.Error,
		}
	}
	if o.Actor.Found {
		res.Actor.Order = convertState(u, o.Actor.Value.State)
	}
	for _, job := range o.Actor.Value.Jobs {
		kind := api.PaymentJobKind("payment")
		if job.Void {
			kind = "void"
		}
		res.Actor.Jobs = append(res.Actor.Jobs, api.PaymentJob{Kind: kind, State: api.PaymentJobState(job.State), Tries: job.Tries, LastError: job.LastError})
	}
	if o.Database.Found {
		res.Database.Order = convertState(u, o.Database.Value)
	}
	if o.Ledger.Found {
		res.Ledger.Payment = convertRecord(o.Ledger.Value)
	}
	return res
}

func convertState(u auth.User, s order.State) *stored {
	return &stored{Order: convert.Order(s.Order, u), VoidPending: s.VoidPending}
}

func convertRecord(r payer.Record) *api.LedgerPayment {
	p := &api.LedgerPayment{
		Status: api.LedgerStatus(r.Status), Reason: r.Reason, Amount: r.Amount, Currency: api.Currency(r.Currency), DecidedAt: r.DecidedAt,
		Entries: make([]api.LedgerEntry, len(r.Entries)),
	}
	for i, e := range r.Entries {
		p.Entries[i] = api.LedgerEntry{Kind: api.LedgerEntryKind(e.Kind), Amount: e.Amount, At: e.At}
	}
	return p
}

func convertSteps(steps []order.RepairStep) []api.RepairStep {
	converted := make([]api.RepairStep, len(steps))
	for i, step := range steps {
		converted[i] = api.RepairStep(step)
	}
	return converted
}
