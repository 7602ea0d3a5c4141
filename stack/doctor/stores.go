package doctor

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"orders/kit/doctor"
	"orders/orders-actor/actorstore"
)

// components checks that the Dapr components of the product are there, with the types that its commands can read.
func (s *Setup) components(context.Context) (found []doctor.Finding) {
	kind := "sqlite"
	if s.Postgres != "" {
		kind = "postgresql"
	}
	const fix = "restore the folder components from git"
	have := map[string]string{}
	for _, folder := range []string{"common", map[string]string{"sqlite": "sqlite", "postgresql": "postgres"}[kind]} {
		files, err := filepath.Glob(filepath.Join(s.Root, "components", folder, "*.yaml"))
		if err != nil {
			return doctor.Bad(fix, "%v", err)
		}
		for _, file := range files {
			var c struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     struct{ Type string }
			}
			content, err := os.ReadFile(file)
			if err == nil {
				err = yaml.Unmarshal(content, &c)
			}
			switch {
			case err != nil:
				found = append(found, doctor.Bad(fix, "%s cannot be read: %v", file, err)...)
			case c.Kind == "Configuration":
				found = append(found, doctor.Bad("move it out of the folder", "%s is a Configuration: it makes the sidecars restart endlessly", file)...)
			default:
				have[c.Metadata.Name] = c.Spec.Type
			}
		}
	}
	for name, want := range map[string]string{"secrets": "secretstores.local.file", "statestore": "state." + kind, "ledger": "state." + kind} {
		if have[name] != want {
			found = append(found, doctor.Bad(fix, "the component %s has the type %q, needed is %s", name, have[name], want)...)
		}
	}
	if found == nil {
		found = doctor.Good("complete, for %s", kind)
	}
	return found
}

// ledger checks that the ledger is the one that orders-actor knows: another one makes no decisions.
func (s *Setup) ledger(ctx context.Context) []doctor.Finding {
	const fix = "start the product and run `make restore-ledger`"
	_, state := s.databases()
	store, err := actorstore.Open(state)
	if err != nil {
		return doctor.Good("there are no orders yet")
	}
	defer store.Close()
	known, err := store.LedgerID(ctx)
	if err != nil || known == "" {
		return doctor.Good("there was no payment yet")
	}
	own, err := s.ledgerID(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, sql.ErrNoRows):
		return doctor.Bad(fix, "is lost: no payment is decided")
	case err != nil:
		return doctor.Bad("start the database; if the data is lost, "+fix, "cannot be read: %v", err)
	case own != known:
		return doctor.Bad(fix, "lacks the earlier payments: no payment is decided")
	}
	return doctor.Good("is the one with the earlier payments")
}

func (s *Setup) ledgerID(ctx context.Context) (string, error) {
	driver, dsn, query := "pgx", s.Postgres, `SELECT value, false FROM ledger_state WHERE key = $1`
	if s.Postgres == "" {
		file := filepath.Join(s.Home, "ledger.db")
		if _, err := os.Stat(file); err != nil {
			return "", err
		}
		driver, dsn = "sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)"
		query = `SELECT value, is_binary FROM state WHERE key = $1`
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var value []byte
	var binary bool
	var identity struct{ ID string }
	err = db.QueryRowContext(ctx, query, "payments-svc||ledger").Scan(&value, &binary)
	if err == nil {
		value, err = actorstore.Saved(value, binary)
	}
	if err == nil {
		err = json.Unmarshal(value, &identity)
	}
	return identity.ID, err
}
