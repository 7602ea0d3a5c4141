package actorstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// LedgerKey is the key in the state store of the id of the ledger in which payments-svc stores the decisions.
const LedgerKey = "ledger"

type ledgerState struct {
	ID string `json:"id"`
}

// Ledger remembers the ledger of the first payment in the state store, so that another one, such as the empty one after a loss, makes
// no decision again. Its methods may be called concurrently.
type Ledger struct {
	States States

	mu sync.Mutex
	id string
}

// Known returns the id of the ledger, or "" before the first payment.
func (l *Ledger) Known(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known(ctx)
}

func (l *Ledger) known(ctx context.Context) (string, error) {
	if l.id != "" {
		return l.id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	item, err := l.States.GetState(ctx, Component, LedgerKey, nil)
	if err != nil {
		return "", fmt.Errorf("load id of the ledger: %w", err)
	}
	if len(item.Value) > 0 {
		var stored ledgerState
		if err := json.Unmarshal(item.Value, &stored); err != nil {
			return "", fmt.Errorf("decode id of the ledger: %w", err)
		}
		l.id = stored.ID
	}
	return l.id, nil
}

// Learn saves the id of the ledger, unless one is known.
func (l *Ledger) Learn(ctx context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, err := l.known(ctx)
	if err != nil || known != "" || id == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	data, err := json.Marshal(ledgerState{id})
	if err != nil {
		return err
	}
	if err := l.States.SaveState(ctx, Component, LedgerKey, data, nil); err != nil {
		return fmt.Errorf("save id of the ledger: %w", err)
	}
	l.id = id
	return nil
}

// LedgerID returns the id of the ledger that orders-actor knows, or "".
func (s *Store) LedgerID(ctx context.Context) (string, error) {
	value, err := s.value(ctx, appPrefix+LedgerKey)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	var stored ledgerState
	if err == nil {
		err = json.Unmarshal(value, &stored)
	}
	return stored.ID, wrap(err)
}
