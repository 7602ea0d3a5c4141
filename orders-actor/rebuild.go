package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"orders/orders-actor/actorstore"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	rebuildBatch  = 200             // states in memory, and in one transaction
	rebuildReport = 10_000          // states between two lines of the log
	lostTimeout   = 5 * time.Second // for the look into both databases at the start
)

// rebuild puts orders back that the order database lacks or holds an older version of, as their actors' states say. The rules
// are those of a turn that shows its state: nothing newer is replaced. So it may be repeated, and run beside the service.
func rebuild(ctx context.Context, c Config, log *slog.Logger) (err error) {
	store, db, err := openBoth(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), store.Close()) }()

	kept, found, err := store.Identity(ctx)
	if err == nil && found {
		_, err = match(ctx, kept, db)
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
				log.Error("unreadable state in the state store", "key", e.Key, "error", e.Err)
				continue
			}
			states = append(states, e.State)
		}
		n, err := db.Restore(ctx, states)
		if err != nil {
			return fmt.Errorf("%w (%d states done; run it again)", err, seen)
		}
		restored += n
		if seen/rebuildReport != (seen+len(entries))/rebuildReport {
			log.Info("rebuilding the order database", "states", seen+len(entries), "restored", restored)
		}
		seen += len(entries)
	}
	log.Info("order database rebuilt", "states", seen, "restored", restored)
	if unreadable > 0 {
		return fmt.Errorf("%d of %d states can't be read", unreadable, seen)
	}
	return nil
}

// warnOfLostOrders logs a warning when the order database holds no order though there are actors' states: its file was
// deleted, or VIEW_DSN names another database.
func warnOfLostOrders(ctx context.Context, c Config, db *orderdb.DB, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, lostTimeout)
	defer cancel()
	lost, err := ordersLost(ctx, c, db)
	switch {
	case err != nil && ctx.Err() == nil:
		log.Warn("can't compare the order database with the state store", "error", err)
	case lost:
		log.Warn("the order database holds no orders, but the state store does: requests for them are answered 404 until " +
			"`orders-actor rebuild` (`make rebuild`) has put them back")
	}
}

func ordersLost(ctx context.Context, c Config, db *orderdb.DB) (_ bool, err error) {
	if empty, err := db.Empty(ctx); err != nil || !empty {
		return false, err
	}
	store, err := actorstore.Open(c.StateDSN)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the state store is elsewhere, or new
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Holds(ctx)
}
