// Package keys derives AES-256 keys from a key that replicas share.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

const size = 32 // of an AES-256 key, in bytes

// Derive derives two keys with HKDF-SHA-256 (RFC 5869). The info separates different uses of one secret. Replicas of all versions
// must derive the same keys.
func Derive(secret, salt []byte, info string) (first, second []byte, _ error) {
	keys, err := hkdf.Key(sha256.New, secret, salt, info, 2*size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive keys: %w", err)
	}
	return keys[:size], keys[size:], nil
}

// GCM returns the cipher of a key.
func GCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
