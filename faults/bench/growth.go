package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	growthCallers = 32
	fillBatch     = 1000
	fillID        = "01900000-0000-7000-8000-%012d" // sorts before new orders
	fillIDPrefix  = "01900000-0000-7000-8000-"
)

// growth measures how the cost of an order and of the reads grows with the number of orders that are stored.
func growth(ctx context.Context, o Options) ([]Table, error) {
	t := newTable(fmt.Sprintf("Growth: %s, %d orders, %d callers", o.Setup, o.Orders, growthCallers),
		"stored", "CPU ms per order", "lives/s", "create p50 ms", "create p99 ms", "late p99 ms", "memory MB",
		"CPU µs per list page of 50", "per page with counts", "per read of one order")
	for _, stored := range o.Stored {
		o.log("%d orders stored", stored)
		row, err := measureGrowth(ctx, o, stored)
		if err != nil {
			return []Table{t}, fmt.Errorf("%d orders stored: %w", stored, err)
		}
		t.add(row...)
	}
	return []Table{t}, nil
}

func measureGrowth(ctx context.Context, o Options, stored int) (row []any, err error) {
	p, err := startProduct(ctx, o, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, _, err := complete(ctx, &p.system, warmUpOrders, warmUpCallers); err != nil {
		return nil, err
	}
	if err := p.fill(ctx, stored); err != nil {
		return nil, fmt.Errorf("store orders: %w", err)
	}
	l, err := measureLife(ctx, &p.system, o.Orders, growthCallers)
	if err != nil {
		return nil, err
	}
	row = []any{
		stored, round(l.cpu.Total(), 2), round(l.livesPerSecond, 0), l.create.P50, l.create.P99, l.late.P99, round(l.memory.Total(), 0),
	}
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	kinds, err := p.reads(ctx)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds[:3] {
		_, _, used, err := p.measureRead(ctx, kind, o.Orders)
		if err != nil {
			return nil, err
		}
		row = append(row, round(1000*used.Total()/float64(o.Orders), 0))
	}
	return row, nil
}

// fill stores delivered orders in the order database and in both state stores.
func (p product) fill(ctx context.Context, n int) error {
	view := p.stack.options.Postgres
	if view == "" {
		view = filepath.Join(p.stack.options.Home, "view.db")
	}
	db, err := orderdb.Open(ctx, view)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	began := time.Now().AddDate(0, -1, 0)
	for first := 0; first < n; first += fillBatch {
		var states []order.State
		for i := first; i < min(first+fillBatch, n); i++ {
			s, err := deliveredOrder(i, began.Add(time.Duration(i)*time.Second))
			if err != nil {
				return err
			}
			states = append(states, s)
		}
		if _, err := db.Restore(ctx, states); err != nil {
			return err
		}
	}
	return errors.Join(p.cloneStates(ctx, "statestore.db", "state", "orders-actor||", n), p.cloneStates(ctx, "ledger.db", "ledger_state", "payments-svc||", n))
}

func deliveredOrder(number int, at time.Time) (order.State, error) {
	s, err := order.New(order.Create{
		ID: fmt.Sprintf(fillID, number), Auth: order.Auth{User: fmt.Sprintf("customer-%d", number%1000), Role: "customer"}, Currency: "EUR",
		Items:       []order.Item{{SKU: fmt.Sprintf("sku-%d", number%500), Name: "Green tea", Quantity: 2, UnitPrice: 450}},
		Fingerprint: strings.Repeat("f", 64),
	}, at)
	if err != nil {
		return s, err
	}
	s, _ = s.Settle(order.Settle{ID: s.ID, Confirmed: true, Attempts: 1}, at, 0)
	s, _ = s.Deliver(at.Add(time.Second))
	return s, nil
}

// cloneStates fills a table of Dapr with copies of one of its rows.
func (p product) cloneStates(ctx context.Context, file, table, app string, n int) (err error) {
	driver, dsn, columns := "pgx", p.stack.options.Postgres, "value"
	if dsn == "" {
		driver, dsn, table = "sqlite", "file:"+filepath.Join(p.stack.options.Home, file)+"?_pragma=busy_timeout(20000)", "state"
		columns = "value, is_binary, etag"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var key, id string
	newest, err := p.newest(ctx, 1)
	if err != nil {
		return err
	}
	id = newest[0].ID
	if err := db.QueryRowContext(ctx, `SELECT key FROM `+table+` WHERE key LIKE $1`, app+"%"+id+"%").Scan(&key); err != nil {
		return fmt.Errorf("find a row of %s: %w", table, err)
	}
	before, after, _ := strings.Cut(key, id)
	// Batches, so that the services' own writes do not wait for long.
	for first := 0; first < n; first += fillBatch {
		_, err := db.ExecContext(ctx, `WITH RECURSIVE numbers (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $2)
			INSERT INTO `+table+` (key, `+columns+`) SELECT $3 || SUBSTR(CAST(1000000000000 + i AS TEXT), 2) || $4, `+columns+`
			FROM numbers CROSS JOIN (SELECT `+columns+` FROM `+table+` WHERE key = $5) AS one`,
			first, min(first+fillBatch, n), before+fillIDPrefix, after, key)
		if err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
	}
	return nil
}
