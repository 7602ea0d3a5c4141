package repair

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"orders/api/payments"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
)

const pageSize = 200 // states in memory

// WritePayments writes the payments of all orders, as the actors' states tell, in the format of package payments.
// `payments-svc restore` reads it. If a state cannot be read, it writes the others without the last line, and returns an error.
func WritePayments(ctx context.Context, store *actorstore.Store, out io.Writer, log *slog.Logger) error {
	ledger, err := store.LedgerID(ctx)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	encoder := json.NewEncoder(buffered)
	if err := encoder.Encode(payments.Header{Ledger: ledger}); err != nil {
		return fmt.Errorf("write payments: %w", err)
	}
	var written, unreadable int
	for after := ""; ; {
		entries, last, err := store.Page(ctx, after, pageSize)
		if err != nil {
			return err
		}
		if last == "" {
			break
		}
		after = last
		for _, e := range entries {
			if e.Err != nil {
				unreadable++
				log.Error("cannot read a state in the state store", "key", e.Key, "error", e.Err)
				continue
			}
			r := record(e.State)
			if err := encoder.Encode(payments.Line{Record: &r}); err != nil {
				return fmt.Errorf("write payments: %w", err)
			}
			written++
		}
	}
	if unreadable == 0 {
		err = encoder.Encode(payments.Line{Orders: &written})
	} else {
		err = fmt.Errorf("%d states cannot be read", unreadable)
	}
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return fmt.Errorf("write payments: %w", err)
	}
	log.Info("payments written", "orders", written)
	return nil
}

// record returns what an order tells about its payment.
func record(s order.State) payments.Record {
	if s.IsRemoved() {
		return payments.Record{OrderID: s.ID, Status: payments.Removed}
	}
	r := payments.Record{
		OrderID: s.ID, Amount: s.Total, Currency: s.Currency, CreatedAt: s.CreatedAt, Status: payments.Undecided, Reason: s.Payment.Reason,
	}
	var confirmed time.Time
	for _, e := range s.History {
		if e.Status == order.Confirmed {
			confirmed = e.At
		}
	}
	switch s.Payment.Status {
	case order.PaymentDone:
		r.Status, r.DecidedAt = payments.Confirmed, confirmed
	case order.PaymentRefused:
		r.Status, r.DecidedAt = payments.Declined, s.UpdatedAt
	case order.PaymentVoided:
		r.Status, r.Charged, r.DecidedAt = payments.Voided, !confirmed.IsZero(), confirmed
		if s.VoidPending && r.Charged {
			r.Status = payments.Confirmed // the void is still to be made
		}
	}
	return r
}
