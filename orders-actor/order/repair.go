package order

// Repair asks an order to repair what was lost outside of it. It changes no content: the order stays in its newest version,
// unless it is due. If IfVersion is not 0, an order with another version refuses.
type Repair struct {
	IfVersion int `json:"ifVersion,omitempty"`
}

// RepairStep is a step of a repair.
type RepairStep string

// The steps of a repair.
const (
	StateRestored    RepairStep = "state-restored"    // the actor's state, from the order database
	DatabaseUpdated  RepairStep = "database-updated"  // with the actor's state
	ReminderSet      RepairStep = "reminder-set"      // whether or not it was set
	OrderDelivered   RepairStep = "delivered"         // it was due
	PaymentRequested RepairStep = "payment-requested" // again
	VoidRequested    RepairStep = "void-requested"    // again
)

// CheckRepair returns the refusal VersionMismatch if the repair is for another version.
func (s State) CheckRepair(r Repair) error {
	if r.IfVersion != 0 && r.IfVersion != s.Version {
		return s.refuse(VersionMismatch, "the order has changed since you saw it")
	}
	return nil
}

// Job is a payment or a void of an order that a replica's payer works on, or has failed to make.
type Job struct {
	Void      bool     `json:"void,omitempty"` // a void; otherwise a payment
	State     JobState `json:"state"`
	Tries     int      `json:"tries"`               // calls to payments-svc
	LastError string   `json:"lastError,omitempty"` // of the last failed call
}

// JobState is the state of a Job.
type JobState string

// The states of a job.
const (
	JobQueued  JobState = "queued"
	JobRunning JobState = "running"
	JobFailed  JobState = "failed" // the reconciler queues it again
)
