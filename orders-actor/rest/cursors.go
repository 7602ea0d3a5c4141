package rest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"

	"orders/orders-actor/feed"
)

// cursors encrypts the view's cursors for callers. The view's own text counts the events of the whole shop, which is no
// customer's business. One cursor has one encrypted form, so that callers can compare them, and all cursors of the feed
// have one length, whatever their numbers.
type cursors struct {
	keys []cursorKey // the first one seals, each of them opens

	mu     sync.Mutex
	recent map[sealing]string // what was sealed last: every reader of the feed gets the same cursors
}

type sealing struct{ kind, text string }

type cursorKey struct {
	aead  cipher.AEAD
	nonce []byte // key of the function that makes the nonce out of the text
}

// The kinds of cursors. One does not open as the other.
const (
	pageCursors = "page"
	feedCursors = "feed"
)

// cursorBlock is what texts are padded to: the longest cursor of the feed has 48 bytes.
const cursorBlock = 48

// newCursors derives its keys from keys of at least 32 bytes that all replicas share. Without any it makes one, whose
// cursors no other replica opens.
func newCursors(keys [][]byte) (*cursors, error) {
	if len(keys) == 0 {
		keys = [][]byte{make([]byte, 32)}
		_, _ = rand.Read(keys[0]) // never fails
	}
	all := make([]cursorKey, len(keys))
	for i, key := range keys {
		const size = 32 // AES-256
		derived, err := hkdf.Key(sha256.New, key, nil, "orders cursors", 2*size)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of cursors: %w", err)
		}
		block, err := aes.NewCipher(derived[:size])
		if err != nil {
			return nil, fmt.Errorf("derive the keys of cursors: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("derive the keys of cursors: %w", err)
		}
		all[i] = cursorKey{aead, derived[size:]}
	}
	return &cursors{keys: all, recent: map[sealing]string{}}, nil
}

func (c *cursors) seal(kind, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := sealing{kind, text}
	sealed, ok := c.recent[of]
	if !ok {
		if len(c.recent) >= 2*feed.Size {
			clear(c.recent)
		}
		sealed = c.keys[0].seal(kind, text)
		c.recent[of] = sealed
	}
	return sealed
}

func (k cursorKey) seal(kind, text string) string {
	plain := []byte(text)
	plain = append(plain, make([]byte, (cursorBlock-len(plain)%cursorBlock)%cursorBlock)...)
	// The nonce depends on the text, so it repeats with the same text only.
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write([]byte(kind))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:k.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nonce, nonce, plain, []byte(kind)))
}

// open returns the text of what seal made with one of the keys, and reports false for anything else.
func (c *cursors) open(kind, sealed string) (string, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return "", false
	}
	for _, key := range c.keys {
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
