// Package doctor checks the databases of orders-actor without changing them: whether they are reachable and migrated, belong
// together, and have the same time as this machine.
package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"orders/kit/doctor"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/orderdb/migrations"
	"orders/orders-actor/orderdb/sqldb"
)

const (
	skewWarning = 2 * time.Second
	// skewProblem is the difference at which payments-svc rejects tokens.
	skewProblem = time.Minute

	fixReach   = "start the database, or correct VIEW_DSN and STATE_DSN"
	fixRebuild = "run `orders-actor rebuild` (make rebuild)"
	fixDamage  = "stop the product, delete the database, start the product, and " + fixRebuild
)

// Databases returns the checks. now is the clock of this machine.
func Databases(viewDSN, stateDSN string, now func() time.Time) []doctor.Check {
	d := &databases{view: viewDSN, state: stateDSN, now: now}
	return []doctor.Check{
		{Name: "order database", Run: d.orderDatabase},
		{Name: "state store", Run: d.stateStore},
		{Name: "same installation", Run: d.sameInstallation},
		{Name: "clock", Run: d.clock},
	}
}

type databases struct {
	view, state string
	now         func() time.Time
}

// orderDatabase checks that the database is reachable and has run all migrations of this release.
func (d *databases) orderDatabase(ctx context.Context) []doctor.Finding {
	db, err := sqldb.OpenReader(d.view)
	if errors.Is(err, fs.ErrNotExist) {
		return d.missingOrderDatabase(ctx)
	}
	if err != nil {
		return doctor.Bad(fixReach, "cannot be opened: %v", err)
	}
	defer db.Close()
	dialect, exists := "sqlite", `SELECT count(*) FROM sqlite_master WHERE name = 'view_migrations'`
	if sqldb.IsPostgres(d.view) {
		dialect, exists = "postgres", `SELECT count(*) FROM pg_class WHERE oid = to_regclass('view_migrations')`
	}
	var tables int
	if err := db.QueryRowContext(ctx, exists).Scan(&tables); err != nil {
		if dialect == "sqlite" {
			return doctor.Bad(fixDamage, "cannot be read: %v", err)
		}
		return doctor.Bad(fixReach, "does not answer: %v", err)
	}
	if tables == 0 {
		return d.missingOrderDatabase(ctx)
	}
	pending, err := pendingMigrations(ctx, db, dialect)
	switch {
	case err != nil:
		return doctor.Bad(fixDamage, "cannot be read: %v", err)
	case len(pending) > 0:
		return doctor.Warn("restart orders-actor, which runs them", "has not run the migrations %s", strings.Join(pending, ", "))
	}
	var damage string
	if dialect == "sqlite" {
		if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&damage); ctx.Err() == nil && (err != nil || damage != "ok") {
			return doctor.Bad(fixDamage, "is damaged: %s %v", damage, err)
		}
	}
	return doctor.Good("reachable and migrated")
}

// missingOrderDatabase distinguishes a new installation from a lost database.
func (d *databases) missingOrderDatabase(ctx context.Context) []doctor.Finding {
	store, err := actorstore.Open(d.state)
	if err == nil {
		defer store.Close()
		if holds, err := store.Holds(ctx); err == nil && holds {
			return doctor.Bad("start the product and "+fixRebuild, "is missing, but the state store has orders")
		}
	}
	return doctor.Good("does not exist yet: the first start creates it")
}

func pendingMigrations(ctx context.Context, db *sql.DB, dialect string) (pending []string, err error) {
	files, err := fs.Glob(migrations.Files, dialect+"/*.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `SELECT name FROM view_migrations`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var done []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		done = append(done, name)
	}
	for _, file := range files {
		if name := path.Base(file); !slices.Contains(done, name) {
			pending = append(pending, name)
		}
	}
	return pending, rows.Err()
}

// stateStore checks that the states can be read.
func (d *databases) stateStore(ctx context.Context) []doctor.Finding {
	store, err := actorstore.Open(d.state)
	if errors.Is(err, fs.ErrNotExist) {
		return doctor.Good("does not exist yet: the first start creates it")
	}
	if err != nil {
		return doctor.Bad(fixReach, "%v", err)
	}
	defer store.Close()
	entries, _, err := store.Page(ctx, "", 1)
	if err != nil {
		if holds, other := store.Holds(ctx); other == nil && !holds {
			return doctor.Good("has no orders yet")
		}
		return doctor.Bad(fixReach, "%v", err)
	}
	for _, e := range entries {
		if e.Err != nil {
			return doctor.Bad("use the release that wrote it, or restore the backup", "the state %s cannot be read: %v", e.Key, e.Err)
		}
	}
	return doctor.Good("reachable")
}

// sameInstallation compares the identities of the two databases.
func (d *databases) sameInstallation(ctx context.Context) []doctor.Finding {
	const unknown = "cannot be checked: see the databases above"
	store, err := actorstore.Open(d.state)
	if err != nil {
		return doctor.Good(unknown)
	}
	defer store.Close()
	stored, found, err := store.Identity(ctx)
	if err != nil || !found {
		return doctor.Good("the state store has no order database yet")
	}
	db, err := sqldb.OpenReader(d.view)
	if err != nil {
		return doctor.Good(unknown)
	}
	defer db.Close()
	var id string
	var starts int64
	var orders int
	err = db.QueryRowContext(ctx, `SELECT id, starts, (SELECT count(*) FROM (SELECT 1 FROM orders LIMIT 1) AS one) FROM view_identity`).Scan(&id, &starts, &orders)
	switch {
	case err != nil:
		return doctor.Good(unknown)
	case id != stored.ID && orders > 0:
		return doctor.Bad("correct VIEW_DSN or STATE_DSN, or restore both from one backup; to use them together from now on, run `orders-actor accept`",
			"the order database belongs to another state store: orders-actor does not start")
	case id != stored.ID || starts < stored.Starts:
		return doctor.Bad(fixRebuild, "the order database is new or older than the state store: newer orders are answered 404")
	}
	return doctor.Good("the order database belongs to the state store")
}

// clock compares the clock of this machine with PostgreSQL's.
func (d *databases) clock(ctx context.Context) []doctor.Finding {
	if !sqldb.IsPostgres(d.view) {
		return doctor.Good("all parts use the clock of this machine")
	}
	db, err := sqldb.OpenReader(d.view)
	if err != nil {
		return doctor.Good("cannot be compared: see the order database above")
	}
	defer db.Close()
	var server float64
	if err := db.PingContext(ctx); err != nil { // connect first, so that the query is quick
		return doctor.Good("cannot be compared: see the order database above")
	}
	before := d.now()
	if err := db.QueryRowContext(ctx, `SELECT extract(epoch FROM clock_timestamp())::float8`).Scan(&server); err != nil {
		return doctor.Good("cannot be compared: %v", err)
	}
	after := d.now()
	skew := time.Duration(server*float64(time.Second)) - time.Duration(before.Add(after.Sub(before)/2).UnixNano())
	const fix = "synchronise both clocks (NTP)"
	switch text := fmt.Sprintf("differs by %v from that of PostgreSQL", skew.Abs().Round(time.Millisecond)); {
	case skew.Abs() > skewProblem:
		return doctor.Bad(fix, "%s: tokens may be rejected", text)
	case skew.Abs() > skewWarning:
		return doctor.Warn(fix, "%s", text)
	default:
		return doctor.Good("%s", text)
	}
}
