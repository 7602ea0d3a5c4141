package actorstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	rebuildBatch  = 200    // states in memory, and in one transaction
	rebuildReport = 10_000 // states between two log messages
	lostTimeout   = 5 * time.Second
)

// Rebuild restores the orders that the order database lacks, or of which it holds an older version, from the actors' states.
// It never replaces a newer version, so it may be repeated, and may run while the service runs. It returns ErrMismatch for
// an order database of another state store, and an error if a state cannot be read, after it has restored the others.
func Rebuild(ctx context.Context, store *Store, db *orderdb.DB, log *slog.Logger) error {
	stored, found, err := store.Identity(ctx)
	if err == nil && found {
		_, err = match(ctx, stored, db)
	}
	if err != nil {
		return err
	}

	var seen, restored, unreadable int
	for after := ""; ; {
		entries, last, err := store.Page(ctx, after, rebuildBatch)
		if err != nil {
			return err
		}
		if last == "" {
			break
		}
		after = last
		states := make([]order.State, 0, len(entries))
		for _, e := range entries {
			if e.Err != nil {
				unreadable++
				log.Error("cannot read a state in the state store", "key", e.Key, "error", e.Err)
				continue
			}
			states = append(states, e.State)
		}
		n, err := db.Restore(ctx, states)
		if err != nil {
			return fmt.Errorf("rebuild the order database: %w (%d states done; run it again)", err, seen)
		}
		restored += n
		if seen/rebuildReport != (seen+len(entries))/rebuildReport {
			log.Info("rebuilding the order database", "states", seen+len(entries), "restored", restored)
		}
		seen += len(entries)
	}
	log.Info("order database rebuilt", "states", seen, "restored", restored)
	if unreadable > 0 {
		return fmt.Errorf("rebuild the order database: %d of %d states cannot be read", unreadable, seen)
	}
	if found {
		return db.Adopt(ctx, stored) // it is no longer older
	}
	return nil
}

// WarnOfLostOrders logs a warning if the order database is empty but the state store at dsn has orders: the database was
// deleted, or VIEW_DSN names another one.
func WarnOfLostOrders(ctx context.Context, dsn string, db *orderdb.DB, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, lostTimeout)
	defer cancel()
	lost, err := ordersLost(ctx, dsn, db)
	switch {
	case err != nil && ctx.Err() == nil:
		log.Warn("cannot compare the order database with the state store", "error", err)
	case lost:
		log.Warn("the order database is empty, but the state store has orders: requests for them are answered 404 until " +
			"`orders-actor rebuild` (`make rebuild`) has restored them")
	}
}

func ordersLost(ctx context.Context, dsn string, db *orderdb.DB) (_ bool, err error) {
	if empty, err := db.Empty(ctx); err != nil || !empty {
		return false, err
	}
	store, err := Open(dsn)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the state store is new, or on another machine
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Holds(ctx)
}
