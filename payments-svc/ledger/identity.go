package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"

	"orders/payments-svc/payment"
)

// identityKey is the key of the ledger's identity. It is no order id.
const identityKey = "ledger"

// Identity distinguishes ledgers. A ledger gets it with its first call, so one that was lost and created again has another one.
type Identity struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"` // when this ledger was created
}

// idLife is how long an id that was read is taken for the ledger's. A ledger that is emptied under a running service decides no
// payment after it.
const idLife = 5 * time.Second

// lastID is the id of the ledger when it was last read.
type lastID struct {
	id string
	at time.Time
}

// Check returns the ledger's id, or payment.ErrOtherLedger if known is neither empty nor this id.
func (l *Ledger) Check(ctx context.Context, known string) (id string, err error) {
	if last := l.id.Load(); last != nil && time.Since(last.at) < idLife && (known == "" || known == last.id) {
		return last.id, nil
	}
	identity, err := l.Identity(ctx, time.Now()) // read again: the ledger may have been lost or restored
	if err != nil {
		return "", err
	}
	if known != "" && known != identity.ID {
		return "", payment.ErrOtherLedger
	}
	return identity.ID, nil
}

// Identity returns the identity, and creates it if there is none.
func (l *Ledger) Identity(ctx context.Context, now time.Time) (i Identity, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	at := time.Now()
	for range 2 {
		var found bool
		if i, _, found, err = l.loadIdentity(ctx); err != nil || found {
			break
		}
		i = Identity{ID: uuid.NewString(), Since: now.UTC()}
		if err = l.saveIdentity(ctx, i, ""); err == nil {
			break
		} // another replica may have created it
	}
	if err == nil {
		l.id.Store(&lastID{i.ID, at})
	}
	return i, err
}

// Adopt gives the ledger the id that orders-actor knows. From then on it decides about payments.
func (l *Ledger) Adopt(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	i, etag, _, err := l.loadIdentity(ctx)
	if err != nil {
		return err
	}
	i.ID = id
	return l.saveIdentity(ctx, i, etag)
}

func (l *Ledger) loadIdentity(ctx context.Context) (i Identity, etag string, found bool, err error) {
	item, err := l.state.GetState(ctx, Component, identityKey, nil)
	if err == nil && len(item.Value) > 0 {
		err = json.Unmarshal(item.Value, &i)
	}
	if err != nil {
		return i, "", false, fmt.Errorf("load identity of the ledger: %w", err)
	}
	return i, item.Etag, i.ID != "", nil
}

func (l *Ledger) saveIdentity(ctx context.Context, i Identity, etag string) error {
	data, err := json.Marshal(i)
	if err == nil {
		err = l.state.SaveStateWithETag(ctx, Component, identityKey, data, etag, nil,
			dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite), dapr.WithConsistency(dapr.StateConsistencyStrong))
	}
	if err != nil {
		return fmt.Errorf("save identity of the ledger: %w", err)
	}
	return nil
}
