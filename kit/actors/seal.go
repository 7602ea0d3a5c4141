package actors

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orders/kit/keys"
)

// SealLifetime is the maximum age of a sealed command, and the maximum difference between the clocks of two replicas.
const SealLifetime = 2 * time.Minute

// ErrSeal is returned for a command or reply that was not sealed with one of the keys, was sealed for another actor, method
// or call, or is too old.
var ErrSeal = errors.New("not sealed with one of our keys")

// Seal encrypts and authenticates commands and replies between a caller and an actor. Dapr's access control does not cover
// actors: any app with a sidecar in the namespace can invoke them, and any app can register the same actor type and host a
// share of the actors. Such an app can neither read, forge nor answer a sealed command.
//
// Each command has two keys, one for itself and one for its reply. They are derived (HKDF-SHA-256, RFC 5869) from the shared
// key, a random salt, the method and the actor's id, so a reply opens only for the call that it answers.
type Seal struct {
	Keys [][]byte // the first one seals, all of them open; at least 32 bytes each
	Now  func() time.Time
}

const (
	sealVersion = 2 // 1 was a MAC beside readable JSON
	saltSize    = 32
	headerSize  = 1 + saltSize
)

// Close seals a command for an actor and method. open decrypts the reply, or returns ErrSeal.
func (s Seal) Close(method, id string, command any) (body []byte, open func(reply []byte) ([]byte, error), _ error) {
	data, err := json.Marshal(command)
	if err != nil {
		return nil, nil, fmt.Errorf("seal %s: %w", method, err)
	}
	header := make([]byte, headerSize)
	header[0] = sealVersion
	_, _ = rand.Read(header[1:]) // never fails
	commands, replies, err := s.ciphers(s.Keys[0], header[1:], method, id)
	if err != nil {
		return nil, nil, fmt.Errorf("seal %s: %w", method, err)
	}
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.Now().UnixMilli()))
	plain = append(plain, data...)
	// The key is used once, so a constant nonce is safe.
	body = commands.Seal(header, make([]byte, commands.NonceSize()), plain, nil) //nolint:gosec // the key is used once
	return body, func(reply []byte) ([]byte, error) {
		size := replies.NonceSize()
		if len(reply) < size {
			return nil, ErrSeal
		}
		plain, err := replies.Open(nil, reply[:size], reply[size:], nil)
		if err != nil {
			return nil, ErrSeal
		}
		return plain, nil
	}, nil
}

// Open returns the command in JSON, and a function that seals the reply to it. Otherwise it returns an error that wraps
// ErrSeal.
func (s Seal) Open(method, id string, body []byte) (command json.RawMessage, sealReply func(reply []byte) []byte, _ error) {
	if len(body) < headerSize || body[0] != sealVersion {
		return nil, nil, ErrSeal
	}
	for _, key := range s.Keys {
		commands, replies, err := s.ciphers(key, body[1:headerSize], method, id)
		if err != nil {
			return nil, nil, err
		}
		plain, err := commands.Open(nil, make([]byte, commands.NonceSize()), body[headerSize:], nil)
		if err != nil {
			continue // sealed with another key
		}
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))
		if age := s.Now().Sub(at); age > SealLifetime || age < -SealLifetime {
			return nil, nil, fmt.Errorf("%w: its age is %s", ErrSeal, age.Round(time.Second))
		}
		return plain[8:], func(reply []byte) []byte {
			// A command that is executed twice has two replies, so the nonce must be random.
			nonce := make([]byte, replies.NonceSize())
			_, _ = rand.Read(nonce)
			return replies.Seal(nonce, nonce, reply, nil)
		}, nil
	}
	return nil, nil, ErrSeal
}

// ciphers derives the keys of one command. The lengths before method and id make the encoding unambiguous.
func (s Seal) ciphers(key, salt []byte, method, id string) (commands, replies cipher.AEAD, err error) {
	// Part of the wire format: replicas of all versions must use the same text.
	info := binary.BigEndian.AppendUint32([]byte("orders actor seal"), uint32(len(method)))
	info = append(info, method...)
	info = binary.BigEndian.AppendUint32(info, uint32(len(id)))
	info = append(info, id...)
	first, second, err := keys.Derive(key, salt, string(info))
	if err != nil {
		return nil, nil, err
	}
	if commands, err = keys.GCM(first); err != nil {
		return nil, nil, err
	}
	replies, err = keys.GCM(second)
	return commands, replies, err
}
