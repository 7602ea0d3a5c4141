package restore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/payments"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment"
	"orders/payments-svc/payment/paymenttest"
	"orders/payments-svc/restore"
)

var (
	created = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	decided = created.Add(time.Second)
	lost    = created.Add(time.Hour) // when the ledger was created again
	now     = lost.Add(time.Hour)
)

type fakeLedger struct {
	paymenttest.Store
	id string
}

func (l *fakeLedger) Identity(context.Context, time.Time) (ledger.Identity, error) {
	return ledger.Identity{ID: l.id, Since: lost}, nil
}

func (l *fakeLedger) Adopt(_ context.Context, id string) error {
	l.id = id
	return nil
}

func file(t *testing.T, records ...payments.Record) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	require.NoError(t, encoder.Encode(payments.Header{Ledger: "known"}))
	for _, r := range records {
		require.NoError(t, encoder.Encode(payments.Line{Record: &r}))
	}
	n := len(records)
	require.NoError(t, encoder.Encode(payments.Line{Orders: &n}))
	return &b
}

func run(t *testing.T, l *fakeLedger, in *bytes.Buffer) error {
	t.Helper()
	return restore.Restore(t.Context(), in, l, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

func record(status payments.Status) payments.Record {
	return payments.Record{OrderID: uuid.NewString(), Amount: 900, Currency: "EUR", Status: status, CreatedAt: created, DecidedAt: decided}
}

// After a restore each order gets the same answer as before the loss, and no order is charged a second time.
func TestRestoredLedgerRepeatsDecisions(t *testing.T) {
	charge := payment.Entry{Kind: payment.EntryCharged, Amount: 900, At: decided}
	void := payment.Entry{Kind: payment.EntryVoided, Amount: 900, At: now}
	withReason := record(payments.Declined)
	withReason.Reason = "refused"
	charged := record(payments.Voided)
	charged.Charged = true
	later := record(payments.Undecided)
	later.CreatedAt = lost.Add(time.Hour)
	for name, test := range map[string]struct {
		record  payments.Record
		status  payment.Status
		reason  string
		entries []payment.Entry
	}{
		"confirmed":                 {record(payments.Confirmed), payment.Confirmed, "", []payment.Entry{charge}},
		"declined":                  {withReason, payment.Declined, "refused", []payment.Entry{}},
		"voided before a decision":  {record(payments.Voided), payment.Voided, "", []payment.Entry{void}},
		"voided after a charge":     {charged, payment.Voided, "", []payment.Entry{charge, void}},
		"undecided before the loss": {record(payments.Undecided), payment.Voided, "", []payment.Entry{void}},
		"removed":                   {payments.Record{OrderID: uuid.NewString(), Status: payments.Removed}, payment.Removed, "", []payment.Entry{}},
		"undecided, after the loss": {later, "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := &fakeLedger{id: "fresh"}
			for range 2 { // it may be repeated
				require.NoError(t, run(t, l, file(t, test.record)))
				assert.Equal(t, "known", l.id)
				p, _, err := l.Load(t.Context(), test.record.OrderID)
				require.NoError(t, err)
				assert.Equal(t, test.status, p.Status)
				assert.Equal(t, test.reason, p.Reason)
				assert.Equal(t, test.entries, p.Entries)
			}
		})
	}
}

func TestOlderLedgerIsCompleted(t *testing.T) {
	voided := record(payments.Voided)
	voided.Charged = true
	l := &fakeLedger{id: "fresh"}
	confirmed, _, err := payment.Payment{}.Pay(payment.Request{OrderID: voided.OrderID, Amount: 900, Currency: "EUR"}, decided, func() bool { return true })
	require.NoError(t, err)
	require.NoError(t, l.Save(t.Context(), confirmed, ""))
	require.NoError(t, run(t, l, file(t, voided)))
	p, _, err := l.Load(t.Context(), voided.OrderID)
	require.NoError(t, err)
	assert.Equal(t, payment.Voided, p.Status)
	assert.Len(t, p.Entries, 2)
}

// The ledger keeps its id, so it makes no decisions, until everything is restored.
func TestLedgerIsNotUsedAfterIncompleteRestore(t *testing.T) {
	mismatch := record(payments.Declined)
	l := &fakeLedger{id: "fresh"}
	other, _, err := payment.Payment{}.Pay(payment.Request{OrderID: mismatch.OrderID, Amount: 900, Currency: "EUR"}, decided, func() bool { return true })
	require.NoError(t, err)
	require.NoError(t, l.Save(t.Context(), other, ""))
	good := record(payments.Confirmed)
	require.ErrorContains(t, run(t, l, file(t, mismatch, good)), "1 payments cannot be restored")
	p, _, err := l.Load(t.Context(), good.OrderID)
	require.NoError(t, err)
	assert.Equal(t, payment.Confirmed, p.Status, "the others are restored")

	whole := file(t, good, record(payments.Confirmed)).String()
	lines := strings.SplitAfter(whole, "\n")
	for name, content := range map[string]string{
		"empty": "", "no last line": strings.Join(lines[:3], ""), "a line is missing": lines[0] + lines[1] + lines[3], "half a line": whole[:len(whole)/2],
	} {
		require.Error(t, run(t, l, bytes.NewBufferString(content)), name)
	}
	assert.Equal(t, "fresh", l.id)
}
