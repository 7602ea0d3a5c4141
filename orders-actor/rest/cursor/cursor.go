// Package cursor encrypts the cursors of the order database for clients. In plain text they would show how many events and
// orders there are of all customers.
//
// A cursor has one encrypted form per key, so that clients can compare cursors, and all cursors of the feed have the same
// length.
package cursor

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"

	"orders/kit/keys"
)

// Kind is what a cursor is for. A cursor of one kind does not open as another.
type Kind string

// The kinds.
const (
	Page Kind = "page" // a position in a list
	Feed Kind = "feed" // a position in the event log
)

const (
	// blockSize is what plain texts are padded to a multiple of: the longest cursor of the feed has 48 bytes.
	blockSize = 48
	// cacheSize is how many sealed cursors are kept: all readers of the feed receive the same ones.
	cacheSize = 2048
)

// Sealer encrypts and decrypts cursors. Its methods may be called concurrently.
type Sealer struct {
	keys []key // the first one seals, each of them opens

	mu    sync.Mutex
	cache map[plainCursor]string
}

type plainCursor struct {
	kind Kind
	text string
}

type key struct {
	aead  cipher.AEAD
	nonce []byte // the HMAC key that derives nonces from plain texts
}

// New returns a sealer with keys of at least 32 bytes that all replicas share. The first key seals, each of them opens.
// Without keys it uses a random one, whose cursors no other replica opens.
func New(secrets [][]byte) (*Sealer, error) {
	if len(secrets) == 0 {
		secrets = [][]byte{make([]byte, 32)}
		_, _ = rand.Read(secrets[0]) // never fails
	}
	s := &Sealer{keys: make([]key, len(secrets)), cache: map[plainCursor]string{}}
	for i, secret := range secrets {
		var err error
		if s.keys[i], err = newKey(secret); err != nil {
			return nil, fmt.Errorf("create cursor key: %w", err)
		}
	}
	return s, nil
}

func newKey(secret []byte) (key, error) {
	first, second, err := keys.Derive(secret, nil, "orders cursors")
	if err != nil {
		return key{}, err
	}
	aead, err := keys.GCM(first)
	return key{aead, second}, err
}

// Seal encrypts a cursor of the order database.
func (s *Sealer) Seal(kind Kind, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	plain := plainCursor{kind, text}
	sealed, ok := s.cache[plain]
	if !ok {
		if len(s.cache) >= cacheSize {
			clear(s.cache)
		}
		sealed = s.keys[0].seal(kind, text)
		s.cache[plain] = sealed
	}
	return sealed
}

func (k key) seal(kind Kind, text string) string {
	plain := []byte(text)
	plain = append(plain, make([]byte, (blockSize-len(plain)%blockSize)%blockSize)...)
	// The nonce is derived from the plain text, so that it repeats only with the same plain text.
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write([]byte(kind))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:k.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nonce, nonce, plain, []byte(kind)))
}

// Open decrypts a cursor that Seal made of the same kind with one of the keys. It reports false for anything else.
func (s *Sealer) Open(kind Kind, sealed string) (text string, ok bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return "", false
	}
	for _, key := range s.keys {
		size := key.aead.NonceSize()
		if len(data) < size {
			return "", false
		}
		if plain, err := key.aead.Open(nil, data[:size], data[size:], []byte(kind)); err == nil {
			return string(bytes.TrimRight(plain, "\x00")), true
		}
	}
	return "", false
}
