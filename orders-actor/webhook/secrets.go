package webhook

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orders/kit/keys"
	"orders/orders-actor/orderdb/webhooks"
)

const (
	secretPrefix = "whsec_"
	secretSize   = 32 // bytes
)

// newSecret returns a random secret, as its owner sees it.
func newSecret() string {
	var secret [secretSize]byte
	_, _ = rand.Read(secret[:]) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(secret[:])
}

// sign returns the header Webhook-Signature: a signature with each secret.
func sign(secrets [][]byte, id string, at time.Time, body []byte) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// sealer encrypts secrets for the order database, bound to their webhook.
type sealer struct{ ciphers []cipher.AEAD } // the first one seals, each of them opens

func newSealer(secrets [][]byte) (*sealer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("webhook secrets need a key")
	}
	s := &sealer{}
	for _, secret := range secrets {
		key, _, err := keys.Derive(secret, nil, "orders webhook secrets")
		if err != nil {
			return nil, err
		}
		aead, err := keys.GCM(key)
		if err != nil {
			return nil, err
		}
		s.ciphers = append(s.ciphers, aead)
	}
	return s, nil
}

func (s *sealer) seal(webhook, secret string) string {
	nonce := make([]byte, s.ciphers[0].NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(s.ciphers[0].Seal(nonce, nonce, []byte(secret), []byte(webhook)))
}

// open reports old if the secret should be sealed again, because its key will be removed.
func (s *sealer) open(webhook, sealed string) (secret string, old bool, _ error) {
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(data) < s.ciphers[0].NonceSize() {
		return "", false, errors.New("the stored secret is damaged")
	}
	size := s.ciphers[0].NonceSize()
	for i, c := range s.ciphers {
		if plain, err := c.Open(nil, data[:size], data[size:], []byte(webhook)); err == nil {
			return string(plain), i > 0, nil
		}
	}
	return "", false, errors.New("the stored secret was encrypted with a key that the service no longer has; rotate the webhook's secret")
}

// secrets returns the keys that sign events of a webhook now. It encrypts those again that are encrypted with an old key.
func (s *Service) secrets(ctx context.Context, w webhooks.Webhook) ([][]byte, error) {
	stored := []string{w.Secret}
	if w.Previous != "" && s.Clock().Before(w.PreviousUntil) {
		stored = append(stored, w.Previous)
	}
	var all [][]byte
	var reseal bool
	for _, sealed := range stored {
		secret, old, err := s.sealer.open(w.ID, sealed)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", w.ID, err)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			return nil, fmt.Errorf("webhook %s: the stored secret is damaged", w.ID)
		}
		all, reseal = append(all, key), reseal || old
	}
	if !reseal {
		return all, nil
	}
	_, err := s.Store.Change(ctx, w.ID, w.UpdatedAt, s.reseal)
	return all, err
}

// Reseal encrypts all secrets again that are encrypted with an old key, also those of disabled webhooks. A service calls it when it
// starts, because keys change with a restart.
func (s *Service) Reseal(ctx context.Context) error {
	all, err := s.Store.List(ctx)
	for _, w := range all {
		_, bad := s.secrets(ctx, w)
		err = errors.Join(err, bad)
	}
	return err
}

func (s *Service) reseal(w *webhooks.Webhook) error {
	secret, _, err := s.sealer.open(w.ID, w.Secret)
	if err != nil {
		return err
	}
	w.Secret = s.sealer.seal(w.ID, secret)
	if previous, _, err := s.sealer.open(w.ID, w.Previous); err == nil {
		w.Previous = s.sealer.seal(w.ID, previous)
	} else { // it has expired, and so has its key
		w.Previous, w.PreviousUntil = "", time.Time{}
	}
	return nil
}
