package order

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// idDomain keeps these hashes apart from all others. Changing it would forget every key: a repeated create would make a
// second order.
const idDomain = "orders/idempotency-key/v1"

// KeyedID is the id of the order that a user's idempotency key stands for: a UUIDv8 of a hash of both. One key is one
// order for good, without a table of keys: the actor with this id is the memory.
func KeyedID(user, key string) string {
	h := sha256.New()
	h.Write([]byte(idDomain))
	for _, part := range []string{user, key} {
		// The length comes first, so that no other user and key give the same bytes.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return id.String()
}
