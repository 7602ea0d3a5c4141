package keys_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/keys"
)

// Replicas of different releases must derive the same keys.
func TestDerivedKeysDoNotChange(t *testing.T) {
	first, second, err := keys.Derive(bytes.Repeat([]byte{'k'}, 32), nil, "orders cursors")
	require.NoError(t, err)
	assert.Equal(t, "c8c26e10fca947a642daad984f8e7cc613e3dc9d6d141230196fd9509020cab6", hex.EncodeToString(first))
	assert.Equal(t, "4500671be964e5312bb3f95cf8f073839f99030a4a088763248e26224482c3c5", hex.EncodeToString(second))
	aead, err := keys.GCM(first)
	require.NoError(t, err)
	assert.Equal(t, 12, aead.NonceSize())
}
