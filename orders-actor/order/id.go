package order

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// idDomain separates these hashes from all others. A change would invalidate every key: a repeated create would create a
// second order.
const idDomain = "orders/idempotency-key/v1"

// KeyedID returns the id of the order that a user creates with an idempotency key: a UUIDv8 of a hash of both. So a key
// always reaches the same actor, without a table of keys.
func KeyedID(user, key string) string {
	h := sha256.New()
	h.Write([]byte(idDomain))
	for _, part := range []string{user, key} {
		// With the lengths, different pairs of user and key never give the same bytes.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return id.String()
}
