package actorstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dapr/go-sdk/client"

	"orders/orders-actor/orderdb"
)

const identityTimeout = 10 * time.Second

// ErrMismatch reports an order database that belongs to another state store. With it, turns would restore its orders to our
// state store, and pay for and deliver them.
var ErrMismatch = errors.New("the order database (VIEW_DSN) and the state store (STATE_DSN) do not belong together: " +
	"restore both from the same backup, or run `orders-actor accept` once to use them together from now on")

// States is the state store as the sidecar offers it. It holds the identity of its order database.
type States interface {
	GetState(ctx context.Context, store, key string, meta map[string]string) (*client.StateItem, error)
	SaveState(ctx context.Context, store, key string, data []byte, meta map[string]string, so ...client.StateOption) error
}

// CheckIdentity returns ErrMismatch unless the order database belongs to the state store, or is empty. It logs an error if the
// order database is new or an older copy, at each start until a rebuild. If a database cannot be read, it logs a warning and
// returns nil: the health checks report that. Each replica calls it once at its start.
func CheckIdentity(ctx context.Context, states States, db *orderdb.DB, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	err := compareIdentities(ctx, states, db, log)
	if err != nil && !errors.Is(err, ErrMismatch) {
		log.WarnContext(ctx, "cannot check that the order database and the state store belong together", "error", err)
		return nil
	}
	return err
}

func compareIdentities(ctx context.Context, states States, db *orderdb.DB, log *slog.Logger) error {
	// Load from the state store first. Every replica that starts counts in the order database first, so the count there is
	// never lower than one loaded earlier from the state store, unless it is an older copy.
	item, err := states.GetState(ctx, Component, IdentityKey, nil)
	if err != nil {
		return fmt.Errorf("load identity from the state store: %w", err)
	}
	var stored orderdb.Identity
	if len(item.Value) > 0 {
		if err := json.Unmarshal(item.Value, &stored); err != nil {
			return fmt.Errorf("decode identity from the state store: %w", err)
		}
		own, err := match(ctx, stored, db)
		if err != nil {
			return err
		}
		if own.Starts < stored.Starts {
			log.ErrorContext(ctx, "the order database is new or an older copy than the state store: newer orders are answered 404 until "+
				"`orders-actor rebuild` (`make rebuild`) has restored them")
			return nil // Counting would hide this from the next start and from the doctor. Rebuild sets the count.
		}
	}
	counted, err := db.CountStart(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(counted)
	if err != nil {
		return err
	}
	if err := states.SaveState(ctx, Component, IdentityKey, data, nil); err != nil {
		return fmt.Errorf("save identity to the state store: %w", err)
	}
	return nil
}

// match returns the identity of an order database that belongs to the state store. An empty database is given the stored
// identity without its starts, as an older copy; any other one returns ErrMismatch.
func match(ctx context.Context, stored orderdb.Identity, db *orderdb.DB) (orderdb.Identity, error) {
	own, err := db.Identity(ctx)
	if err != nil || own.ID == stored.ID {
		return own, err
	}
	empty, err := db.Empty(ctx)
	switch {
	case err != nil:
		return own, err
	case !empty:
		return own, ErrMismatch
	}
	stored.Starts = 0
	return stored, db.Adopt(ctx, stored)
}

// Accept makes the order database the one that belongs to the state store, whatever it holds.
func Accept(ctx context.Context, store *Store, db *orderdb.DB, log *slog.Logger) error {
	stored, found, err := store.Identity(ctx)
	if err != nil {
		return err
	}
	if !found {
		log.Info("the state store has no order database yet: it accepts any")
		return nil
	}
	if err := db.Adopt(ctx, stored); err != nil {
		return err
	}
	log.Info("the order database belongs to the state store from now on")
	return nil
}
