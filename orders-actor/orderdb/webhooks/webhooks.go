// Package webhooks stores webhooks and the log of their deliveries. How far each one is in the event log is in package destinations.
package webhooks

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/sqldb"
)

// Kind is the kind of these destinations.
const Kind = "webhook"

// Limit is the largest number of webhooks.
const Limit = 20

var (
	// ErrNotFound means that there is no such webhook or delivery.
	ErrNotFound = errors.New("no such webhook or delivery")
	// ErrTooMany means that there are Limit webhooks already.
	ErrTooMany = errors.New("too many webhooks")
)

const callTimeout = 5 * time.Second

// Webhook is a webhook. Its secrets are encrypted.
type Webhook struct {
	ID, URL, Description string
	Types                []string // of events; empty for all
	Secret, Previous     string   // Previous also signs until PreviousUntil
	PreviousUntil        time.Time
	CreatedAt, UpdatedAt time.Time

	// What follows is set by the relay, and by Change.
	Enabled                  bool
	Reason                   string // why it is disabled
	Failures                 int
	LastSuccess, LastFailure time.Time
	LastError                string
	Waiting                  int // events that must be sent again, or wait for one of them
	OldestWaiting            time.Time
}

// Store is the part of the order database with the webhooks. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// NewStore returns the store of a database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db} }

func (s *Store) transact(ctx context.Context, what string, do func(tx *sql.Tx) error) error {
	return s.db.Call(ctx, what, callTimeout, func(ctx context.Context) error { return s.db.Transact(ctx, do) })
}

const selectWebhooks = `SELECT w.id, w.url, w.description, w.types, w.secret, w.previous_secret, w.previous_until, w.created_at, w.updated_at,
	d.enabled, d.reason, d.failures, d.last_success, d.last_failure, d.last_error,
	(SELECT count(*) FROM relay_waiting WHERE destination = w.id), (SELECT coalesce(min(first_at), 0) FROM relay_waiting WHERE destination = w.id)
	FROM webhooks AS w JOIN relay_destinations AS d ON d.id = w.id `

func scan(scan sqldb.Scan, w *Webhook) error {
	var until, created, updated, success, failure, oldest int64
	err := scan(&w.ID, &w.URL, &w.Description, sqldb.JSON{V: &w.Types}, &w.Secret, &w.Previous, &until, &created, &updated,
		&w.Enabled, &w.Reason, &w.Failures, &success, &failure, &w.LastError, &w.Waiting, &oldest)
	w.PreviousUntil, w.CreatedAt, w.UpdatedAt = timeOf(until), timeOf(created), timeOf(updated)
	w.LastSuccess, w.LastFailure, w.OldestWaiting = timeOf(success), timeOf(failure), timeOf(oldest)
	return err
}

// List returns all webhooks, the oldest first.
func (s *Store) List(ctx context.Context) (all []Webhook, err error) {
	err = s.db.Call(ctx, "list webhooks", callTimeout, func(ctx context.Context) error {
		all, err = sqldb.Rows(ctx, s.db.Read, selectWebhooks+`ORDER BY w.created_at, w.id`, nil, scan)
		return err
	})
	return all, err
}

// Get returns a webhook, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (w Webhook, err error) {
	err = s.db.Call(ctx, "read webhook", callTimeout, func(ctx context.Context) error {
		w, err = get(ctx, s.db.Read, id)
		return err
	})
	return w, err
}

func get(ctx context.Context, q sqldb.Querier, id string) (Webhook, error) {
	found, err := sqldb.Rows(ctx, q, selectWebhooks+`WHERE w.id = $1`, []any{id}, scan)
	if err != nil {
		return Webhook{}, err
	}
	if len(found) == 0 {
		return Webhook{}, ErrNotFound
	}
	return found[0], nil
}

// Add adds an enabled webhook, which receives the events after now. It returns ErrTooMany if there are Limit.
func (s *Store) Add(ctx context.Context, w Webhook) error {
	return s.transact(ctx, "add webhook", func(tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, "webhooks"); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM webhooks`).Scan(&n); err != nil {
			return err
		}
		if n >= Limit {
			return ErrTooMany
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhooks (id, url, description, types, secret, previous_secret, previous_until, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, '', 0, $6, $6)`, w.ID, w.URL, w.Description, sqldb.JSON{V: notNil(w.Types)}, w.Secret, w.CreatedAt.UnixMilli()); err != nil {
			return err
		}
		return destinations.Add(ctx, tx, s.db.Dialect, w.ID, Kind)
	})
}

// Change stores what change does to a webhook: to its URL, description, types, secrets, and whether it is enabled, with the reason.
// It returns the webhook after the change, or ErrNotFound, or the error of change.
func (s *Store) Change(ctx context.Context, id string, now time.Time, change func(*Webhook) error) (w Webhook, err error) {
	err = s.transact(ctx, "change webhook", func(tx *sql.Tx) error {
		if err := s.db.Lock(ctx, tx, "webhooks"); err != nil {
			return err
		}
		if w, err = get(ctx, tx, id); err != nil {
			return err
		}
		enabled := w.Enabled
		if err := change(&w); err != nil {
			return err
		}
		w.UpdatedAt = now
		if _, err := tx.ExecContext(ctx, `UPDATE webhooks SET url = $2, description = $3, types = $4, secret = $5, previous_secret = $6,
			previous_until = $7, updated_at = $8 WHERE id = $1`,
			id, w.URL, w.Description, sqldb.JSON{V: notNil(w.Types)}, w.Secret, w.Previous, millis(w.PreviousUntil), now.UnixMilli()); err != nil {
			return err
		}
		switch {
		case w.Enabled && !enabled:
			err = destinations.Enable(ctx, tx, s.db.Dialect, id, now)
		case enabled && !w.Enabled:
			err = destinations.Disable(ctx, tx, id, w.Reason)
		}
		if err != nil {
			return err
		}
		w, err = get(ctx, tx, id)
		return err
	})
	return w, err
}

// Delete deletes a webhook, its waiting events and its deliveries, or returns ErrNotFound.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.transact(ctx, "delete webhook", func(tx *sql.Tx) error {
		deleted, err := sqldb.Changed(tx.ExecContext(ctx, `DELETE FROM webhooks WHERE id = $1`, id))
		if err != nil {
			return err
		}
		if !deleted {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE webhook = $1`, id); err != nil {
			return err
		}
		return destinations.Delete(ctx, tx, id)
	})
}

func notNil(types []string) []string {
	if types == nil {
		return []string{}
	}
	return types
}

func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
