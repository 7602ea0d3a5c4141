package actor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SealLifetime is how long a sealed command may be on its way, and how far two replicas' clocks may be apart.
const SealLifetime = 2 * time.Minute

// ErrSeal is a command that doesn't come from a holder of the key, or not for this actor and method, or not lately.
var ErrSeal = errors.New("the command is not sealed by us")

// Seal proves to an actor that a command comes from this service. Dapr's access control doesn't cover actors: any app
// with a sidecar in the namespace may invoke them.
type Seal struct {
	Key []byte
	Now func() time.Time
}

type sealed struct {
	Command  json.RawMessage `json:"command"`
	IssuedAt time.Time       `json:"issuedAt"`
	MAC      []byte          `json:"mac"`
}

// Close seals a command for one actor and method.
func (s Seal) Close(method, id string, command any) ([]byte, error) {
	data, err := json.Marshal(command)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", method, err)
	}
	now := s.Now().UTC()
	return json.Marshal(sealed{Command: data, IssuedAt: now, MAC: s.mac(method, id, now, data)})
}

// Open returns the command in JSON, or ErrSeal.
func (s Seal) Open(method, id string, body []byte) (json.RawMessage, error) {
	var got sealed
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, ErrSeal
	}
	if !hmac.Equal(got.MAC, s.mac(method, id, got.IssuedAt, got.Command)) {
		return nil, ErrSeal
	}
	if age := s.Now().Sub(got.IssuedAt); age > SealLifetime || age < -SealLifetime {
		return nil, ErrSeal
	}
	return got.Command, nil
}

// mac covers each part with its length, so that no two different sets of parts look the same.
func (s Seal) mac(method, id string, at time.Time, command []byte) []byte {
	h := hmac.New(sha256.New, s.Key)
	for _, part := range [][]byte{[]byte(method), []byte(id), []byte(at.UTC().Format(time.RFC3339Nano)), command} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		_, _ = h.Write(part)
	}
	return h.Sum(nil)
}
