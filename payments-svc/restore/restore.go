// Package restore restores a lost ledger from the orders' states.
//
// The file comes from `orders-actor payments`. Restore stores the payments that the ledger lacks, and then gives the ledger the id
// that orders-actor knows. Until then payments-svc makes no decisions, so that no order is charged a second time. It may be
// repeated, and run beside the services.
package restore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orders/api/payments"
	"orders/kit/run"
	"orders/payments-svc/ledger"
	"orders/payments-svc/payment"
)

const (
	parallel = 16
	attempts = 3 // of each payment
	// skew is the allowed difference between the clocks of the two services.
	skew = time.Minute
)

// Ledger is a ledger.Ledger.
type Ledger interface {
	payment.Store
	Identity(ctx context.Context, now time.Time) (ledger.Identity, error)
	Adopt(ctx context.Context, id string) error
}

// errMismatch reports a payment that the order's state contradicts.
var errMismatch = errors.New("the order tells something else than the ledger")

// Restore reads the file from in. It returns an error if a payment cannot be restored, after it has restored the others; then the
// ledger keeps its id.
func Restore(ctx context.Context, in io.Reader, l Ledger, now func() time.Time, log *slog.Logger) error {
	decoder := json.NewDecoder(bufio.NewReader(in))
	var header payments.Header
	if err := decoder.Decode(&header); err != nil {
		return fmt.Errorf("restore ledger: read the first line of the file: %w", err)
	}
	identity, err := l.Identity(ctx, now())
	if err != nil {
		return err
	}
	var restored, failed atomic.Int64
	records := make(chan payments.Record)
	var running sync.WaitGroup
	for range parallel {
		running.Go(func() {
			_ = run.Catch(ctx, log, "restore", func() error {
				for r := range records {
					var changed bool
					err := run.Catch(ctx, log, "restore", func() (err error) {
						changed, err = restore(ctx, l, r, identity.Since, now)
						return err
					})
					if changed {
						restored.Add(1)
					}
					if err != nil {
						failed.Add(1)
						log.Error("cannot restore a payment", "order", r.OrderID, "error", err)
					}
				}
				return nil
			})
		})
	}
	read, err := readRecords(decoder, records)
	close(records)
	running.Wait()
	log.Info("ledger restored", "orders", read, "restored", restored.Load(), "failed", failed.Load())
	switch {
	case err != nil:
		return fmt.Errorf("restore ledger: read the file after %d orders: %w", read, err)
	case failed.Load() > 0:
		return fmt.Errorf("restore ledger: %d payments cannot be restored", failed.Load())
	case header.Ledger != "" && header.Ledger != identity.ID:
		return l.Adopt(ctx, header.Ledger)
	}
	return nil
}

// readRecords sends the records to a channel until the last line, and returns their number.
func readRecords(decoder *json.Decoder, records chan<- payments.Record) (read int, err error) {
	for {
		var line payments.Line
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF), err == nil && line.Orders != nil && *line.Orders != read:
			return read, errors.New("it is incomplete")
		case err != nil:
			return read, err
		case line.Orders != nil:
			return read, nil
		case line.Record == nil:
			return read, errors.New("a line has no payment")
		}
		records <- *line.Record
		read++
	}
}

func restore(ctx context.Context, store payment.Store, r payments.Record, since time.Time, now func() time.Time) (changed bool, err error) {
	for range attempts {
		p, version, err := store.Load(ctx, r.OrderID)
		if err != nil {
			return false, err
		}
		next, changed, err := merge(p, r, since, now())
		if err != nil || !changed {
			return false, err
		}
		if err = store.Save(ctx, next, version); !errors.Is(err, payment.ErrConflict) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("restore payment: %w", payment.ErrConflict)
}

// merge returns the payment p of the ledger with what the order tells, and whether it has changed.
func merge(p payment.Payment, r payments.Record, since, now time.Time) (_ payment.Payment, changed bool, err error) {
	request := payment.Request{OrderID: r.OrderID, Amount: r.Amount, Currency: r.Currency}
	pay := func(confirm bool) payment.Payment {
		p, _, _ := payment.Payment{}.Pay(request, r.DecidedAt, func() bool { return confirm }) // no error without an earlier decision
		return p
	}
	known := p.Status != ""
	if p.Status == payment.Removed {
		return p, false, nil
	}
	switch r.Status {
	case payments.Removed:
		return p.Remove(payment.Request{OrderID: r.OrderID, Amount: p.Amount, Currency: p.Currency}, now)
	case payments.Undecided:
		// The lost ledger may have had a charge, which a new decision would repeat. The void prevents that.
		if known || r.CreatedAt.After(since.Add(skew)) {
			return p, false, nil
		}
		return p.Void(request, now)
	case payments.Voided:
		if !known && r.Charged {
			p = pay(true)
		}
		return p.Void(request, now)
	case payments.Confirmed, payments.Declined:
		confirmed := r.Status == payments.Confirmed
		if !known {
			p = pay(confirmed)
			if !confirmed {
				p.Reason = r.Reason
			}
			return p, true, nil
		}
		// The order may have been cancelled and its payment voided after the file was written.
		if p.Status != payment.Voided && confirmed != (p.Status == payment.Confirmed) || p.Amount != r.Amount || p.Currency != r.Currency {
			return p, false, errMismatch
		}
		return p, false, nil
	}
	return p, false, fmt.Errorf("unknown status %q", r.Status)
}
