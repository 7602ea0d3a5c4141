package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dapr/go-sdk/client"

	"orders/orders-actor/actorstore"
	"orders/orders-actor/orderdb"
)

const identityTimeout = 10 * time.Second // for both databases at the start

// errForeign is an order database that belongs to another state store. Turns would put its orders into ours, pay for them and
// deliver them.
var errForeign = errors.New("the order database (VIEW_DSN) and the state store (STATE_DSN) do not belong together: " +
	"restore both from the same backup, or run `orders-actor accept` once to use them together from now on")

// identities is the state store as the sidecar offers it: identity of the order database that belongs to it.
type identities interface {
	GetState(ctx context.Context, store, key string, meta map[string]string) (*client.StateItem, error)
	SaveState(ctx context.Context, store, key string, data []byte, meta map[string]string, so ...client.StateOption) error
}

// checkIdentity returns errForeign unless the order database is the one that the state store knows, or holds no orders. It
// logs an error for an older copy of it. A database that can't be read is left to the health checks.
func checkIdentity(ctx context.Context, states identities, db *orderdb.DB, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	err := compareIdentities(ctx, states, db, log)
	if err != nil && !errors.Is(err, errForeign) {
		log.WarnContext(ctx, "can't check that the order database and the state store belong together", "error", err)
		return nil
	}
	return err
}

func compareIdentities(ctx context.Context, states identities, db *orderdb.DB, log *slog.Logger) error {
	// Read before the order database counts this start: other replicas may start at the same moment, and each counts
	// there first.
	item, err := states.GetState(ctx, actorstore.Component, actorstore.IdentityKey, nil)
	if err != nil {
		return fmt.Errorf("read the state store: %w", err)
	}
	var kept orderdb.Identity
	if len(item.Value) > 0 {
		if err := json.Unmarshal(item.Value, &kept); err != nil {
			return fmt.Errorf("read the state store: %w", err)
		}
		own, err := match(ctx, kept, db)
		if err != nil {
			return err
		}
		if own.Starts < kept.Starts {
			log.ErrorContext(ctx, "the order database is an older copy than the state store: orders made since are answered 404 until "+
				"`orders-actor rebuild` (`make rebuild`) has put them back")
		}
	}
	now, err := db.CountStart(ctx, kept.Starts)
	if err != nil {
		return err
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := states.SaveState(ctx, actorstore.Component, actorstore.IdentityKey, data, nil); err != nil {
		return fmt.Errorf("write to the state store: %w", err)
	}
	return nil
}

// match makes an order database without orders the one that the state store knows, and returns errForeign for any other that
// it does not know. It returns the identity that the database has then.
func match(ctx context.Context, kept orderdb.Identity, db *orderdb.DB) (orderdb.Identity, error) {
	own, err := db.Identity(ctx)
	if err != nil || own.ID == kept.ID {
		return own, err
	}
	empty, err := db.Empty(ctx)
	switch {
	case err != nil:
		return own, err
	case !empty:
		return own, errForeign
	}
	return kept, db.Adopt(ctx, kept)
}

// openBoth opens the databases of the state store and of the orders, for a command that works on them without a sidecar.
func openBoth(ctx context.Context, c Config) (*actorstore.Store, *orderdb.DB, error) {
	store, err := actorstore.Open(c.StateDSN)
	if err != nil {
		return nil, nil, fmt.Errorf("STATE_DSN: %w", err)
	}
	db, err := orderdb.OpenPool(ctx, c.ViewDSN, orderdb.MinMaxConns)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, db, nil
}

// accept makes the order database the one that belongs to the state store, whatever it holds.
func accept(ctx context.Context, c Config, log *slog.Logger) (err error) {
	store, db, err := openBoth(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), store.Close()) }()
	kept, found, err := store.Identity(ctx)
	if err != nil {
		return err
	}
	if !found {
		log.Info("the state store knows no order database yet: any is accepted")
		return nil
	}
	if err := db.Adopt(ctx, kept); err != nil {
		return err
	}
	log.Info("the order database belongs to the state store from now on")
	return nil
}
