package order_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"orders/orders-actor/order"
)

func TestKeyedIDIsTheSameInAllReleases(t *testing.T) {
	// With another value, a repeated create would create a second order.
	assert.Equal(t, "fa745b84-27f3-8641-845b-d13732c36c24", order.KeyedID("alice", "key-1"))
}

func TestKeyedIDIsAUUIDThatDependsOnUserAndKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 6, 12)
		user, key := text.Draw(t, "user"), text.Draw(t, "key")
		id := order.KeyedID(user, key)
		parsed, err := uuid.Parse(id)
		require.NoError(t, err)
		require.Equal(t, id, parsed.String())
		require.Equal(t, uuid.Version(8), parsed.Version())
		require.Equal(t, uuid.RFC4122, parsed.Variant())
		require.Equal(t, id, order.KeyedID(user, key))

		otherUser, otherKey := text.Draw(t, "other user"), text.Draw(t, "other key")
		require.Equal(t, user == otherUser && key == otherKey, id == order.KeyedID(otherUser, otherKey))
	})
	assert.NotEqual(t, order.KeyedID("ab", "c"), order.KeyedID("a", "bc"))
}
