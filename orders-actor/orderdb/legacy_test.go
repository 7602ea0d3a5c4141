package orderdb

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLegacyKeysAreReadUntilExpiry(t *testing.T) {
	ctx := t.Context()
	d, err := Open(ctx, filepath.Join(t.TempDir(), "view.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	now := time.Now()
	d.clock = func() time.Time { return now }
	write := func(key string) {
		_, err := d.db.Write.ExecContext(ctx, `INSERT INTO idempotency_keys (customer, name, fingerprint, order_id, claimed_at)
			VALUES ('alice', $1, 'f', 'o-1', $2)`, key, now.UnixMilli())
		require.NoError(t, err)
	}
	lookUp := func(user, key string) (string, bool) {
		id, found, err := d.LegacyOrder(ctx, user, key)
		require.NoError(t, err)
		return id, found
	}

	write("k")
	id, found := lookUp("alice", "k")
	require.True(t, found)
	require.Equal(t, "o-1", id)
	_, found = lookUp("bob", "k")
	require.False(t, found, "keys are per user")
	_, found = lookUp("alice", "other")
	require.False(t, found)

	require.NoError(t, d.Prune(ctx, now.Add(KeyRetention-time.Minute)))
	_, found = lookUp("alice", "k")
	require.True(t, found, "kept for 24 hours")
	require.NoError(t, d.Prune(ctx, now.Add(KeyRetention+time.Minute)))
	_, found = lookUp("alice", "k")
	require.False(t, found, "deleted after that")

	write("k")
	now = now.Add(KeyRetention + time.Minute)
	_, found = lookUp("alice", "k")
	require.False(t, found, "all rows have expired")
}
