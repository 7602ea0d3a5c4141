package ledger

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/payments-svc/payment"
)

// memory is a state store with first-write concurrency.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	etags  map[string]int
}

func (m *memory) GetState(_ context.Context, _, key string, _ map[string]string) (*dapr.StateItem, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	item := &dapr.StateItem{Key: key, Value: m.values[key]}
	if len(item.Value) > 0 {
		item.Etag = strconv.Itoa(m.etags[key])
	}
	return item, nil
}

func (m *memory) SaveStateWithETag(_ context.Context, _, key string, data []byte, etag string, _ map[string]string, _ ...dapr.StateOption) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values[key]) > 0 && etag != strconv.Itoa(m.etags[key]) {
		return status.Error(codes.Aborted, "etag mismatch")
	}
	m.values[key] = data
	m.etags[key]++
	return nil
}

func newMemory() *memory { return &memory{values: map[string][]byte{}, etags: map[string]int{}} }

func TestLostLedgerHasAnotherID(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	state := newMemory()
	ids := make([]Identity, 8)
	var group sync.WaitGroup
	for i := range ids { // replicas agree
		group.Go(func() { ids[i], _ = New(state).Identity(t.Context(), now) })
	}
	group.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id.ID)
		require.Equal(t, ids[0], id)
	}
	known := ids[0].ID
	for _, id := range []string{"", known} {
		own, err := New(state).Check(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, known, own)
	}

	fresh := New(newMemory())
	_, err := fresh.Check(t.Context(), known)
	require.ErrorIs(t, err, payment.ErrOtherLedger)
	other, err := fresh.Check(t.Context(), "")
	require.NoError(t, err)
	require.NotEqual(t, known, other)
	_, err = fresh.Check(t.Context(), known)
	require.ErrorIs(t, err, payment.ErrOtherLedger)

	restored := New(fresh.state) // another process
	require.NoError(t, restored.Adopt(t.Context(), known))
	own, err := fresh.Check(t.Context(), known)
	require.NoError(t, err, "the running service reads the id again")
	require.Equal(t, known, own)
}

func TestLedgerEmptiedUnderARunningServiceDecidesNothingAfterAFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := newMemory()
		l := New(state)
		known, err := l.Check(t.Context(), "")
		require.NoError(t, err)

		state.mu.Lock()
		clear(state.values)
		state.mu.Unlock()
		<-time.After(idLife)
		_, err = l.Check(t.Context(), known)
		require.ErrorIs(t, err, payment.ErrOtherLedger)
	})
}
