package webhooks

import (
	"context"
	"database/sql"
	"time"

	"orders/orders-actor/orderdb/sqldb"
)

// KeptDeliveries is how many deliveries of a webhook are kept.
const KeptDeliveries = 200

// Delivery is one attempt to send an event.
type Delivery struct {
	ID       string // a UUIDv7
	Webhook  string
	EventID  string
	Type     string
	OrderID  string // empty for a test event
	At       time.Time
	Duration time.Duration // in milliseconds
	Attempt  int           // 1 for the first; 0 for a test or a resend
	Status   int           // of the response; 0 if there was none
	Error    string        // empty if it was delivered
	Body     string        // the event
}

// Record stores deliveries of a webhook in a transaction, and deletes its oldest ones.
func Record(ctx context.Context, tx *sql.Tx, webhook string, deliveries []Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	for _, d := range deliveries {
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_deliveries (id, webhook, event_id, type, order_id, at, millis, attempt, status, error, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, d.ID, webhook, d.EventID, d.Type, d.OrderID, d.At.UnixMilli(),
			d.Duration.Milliseconds(), d.Attempt, d.Status, d.Error, d.Body); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE webhook = $1 AND id <= (
		SELECT id FROM webhook_deliveries WHERE webhook = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`, webhook, KeptDeliveries)
	return err
}

// Record is Record in a transaction of its own. It returns ErrNotFound if the webhook was deleted.
func (s *Store) Record(ctx context.Context, d Delivery) error {
	return s.transact(ctx, "store delivery", func(tx *sql.Tx) error {
		if _, err := get(ctx, tx, d.Webhook); err != nil {
			return err
		}
		return Record(ctx, tx, d.Webhook, []Delivery{d})
	})
}

const selectDeliveries = `SELECT id, webhook, event_id, type, order_id, at, millis, attempt, status, error, body FROM webhook_deliveries `

func scanDelivery(scan sqldb.Scan, d *Delivery) error {
	var at, millis int64
	err := scan(&d.ID, &d.Webhook, &d.EventID, &d.Type, &d.OrderID, &at, &millis, &d.Attempt, &d.Status, &d.Error, &d.Body)
	d.At, d.Duration = timeOf(at), time.Duration(millis)*time.Millisecond
	return err
}

// Deliveries returns up to n deliveries of a webhook, the newest first, or ErrNotFound if there is no such webhook.
func (s *Store) Deliveries(ctx context.Context, webhook string, n int) (all []Delivery, err error) {
	err = s.db.Call(ctx, "list deliveries", callTimeout, func(ctx context.Context) error {
		if _, err := get(ctx, s.db.Read, webhook); err != nil {
			return err
		}
		all, err = sqldb.Rows(ctx, s.db.Read, selectDeliveries+`WHERE webhook = $1 ORDER BY id DESC LIMIT $2`, []any{webhook, n}, scanDelivery)
		return err
	})
	return all, err
}

// Delivery returns a delivery of a webhook, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, webhook, id string) (d Delivery, err error) {
	err = s.db.Call(ctx, "read delivery", callTimeout, func(ctx context.Context) error {
		found, err := sqldb.Rows(ctx, s.db.Read, selectDeliveries+`WHERE webhook = $1 AND id = $2`, []any{webhook, id}, scanDelivery)
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		if err == nil {
			d = found[0]
		}
		return err
	})
	return d, err
}
