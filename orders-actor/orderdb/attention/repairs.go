package attention

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/sqldb"
)

// MaxRepairs is the number of repairs that are kept of each order, the newest ones.
const MaxRepairs = 20

// Repair is a repair that an operator has requested. Done is false while its outcome is unknown: it is running, or the
// replica stopped meanwhile.
type Repair struct {
	OrderID   string             `json:"-"`
	At        time.Time          `json:"at"`
	User      string             `json:"user"`
	Reason    string             `json:"reason"`
	RequestID string             `json:"requestId"`
	TraceID   string             `json:"traceId,omitempty"`
	Done      bool               `json:"done,omitempty"`
	Steps     []order.RepairStep `json:"steps,omitempty"`
	Error     string             `json:"error,omitempty"`
}

// SaveRepair stores a repair, before it and again after it. A repair is identified by order, time and request.
func (s *Store) SaveRepair(ctx context.Context, r Repair) error {
	note, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.db.Call(ctx, "store repair of order "+r.OrderID, callTimeout, func(ctx context.Context) error {
		return s.db.Transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO order_repairs (order_id, at, request_id, note) VALUES ($1, $2, $3, $4)
				ON CONFLICT (order_id, at, request_id) DO UPDATE SET note = excluded.note`,
				r.OrderID, r.At.UnixMilli(), r.RequestID, string(note)); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM order_repairs WHERE order_id = $1 AND (at, request_id) NOT IN (
				SELECT at, request_id FROM order_repairs WHERE order_id = $1 ORDER BY at DESC, request_id DESC LIMIT $2)`, r.OrderID, MaxRepairs)
			return err
		})
	})
}

// Repairs returns the repairs of an order, the oldest first.
func (s *Store) Repairs(ctx context.Context, id string) (repairs []Repair, err error) {
	err = s.db.Call(ctx, "read repairs of order "+id, callTimeout, func(ctx context.Context) (err error) {
		repairs, err = sqldb.Rows(ctx, s.db.Read, `SELECT note FROM order_repairs WHERE order_id = $1 ORDER BY at DESC, request_id DESC LIMIT $2`,
			[]any{id, MaxRepairs}, func(scan sqldb.Scan, r *Repair) error { return scan(sqldb.JSON{V: r}) })
		return err
	})
	slices.Reverse(repairs)
	return repairs, err
}
