package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// makeSecrets makes the keys of the product, and of other apps one with which they seal commands.
func (s *Stack) makeSecrets(file string) error {
	others := map[string]map[string]string{}
	for _, a := range s.file.Apps {
		if _, ours := addresses[a.ID]; !ours {
			others[a.ID] = map[string]string{"command-seal-key": newKey()}
		}
	}
	if len(others) > 0 {
		return writeSecrets(file, others)
	}
	return errors.Join(makeSecrets(file), CheckSecrets(file))
}

// makeSecrets writes new keys for the services into a file, unless the file exists: tokens and sealed commands must stay
// valid after a restart.
func makeSecrets(file string) error {
	onBehalf := newKey() // both services have this key
	return writeSecrets(file, map[string]map[string]string{
		"orders-actor": {"obo-key": onBehalf, "command-seal-key": newKey(), "dev-token-key": newKey()},
		"payments-svc": {"obo-key": onBehalf},
	})
}

func writeSecrets(file string, secrets map[string]map[string]string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return err
	}
	// Rename it into place: a half-written file would be kept by the next start.
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	return os.Rename(file+".new", file)
}

const keySize = 32

// newKey returns a random key for HMAC-SHA256.
func newKey() string {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// CheckSecrets returns an error that names a key in the file that the services could not use. It contains no key values.
func CheckSecrets(file string) error {
	const remedy = "correct it, or delete the file to get new keys, after which users must sign in again"
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var secrets map[string]map[string]string
	if json.Unmarshal(content, &secrets) != nil { // the error's text might quote a key
		return fmt.Errorf("%s must be a JSON object of secrets, each an object of strings; %s", file, remedy)
	}
	for _, needed := range [][2]string{
		{OrdersActor, "obo-key"}, {OrdersActor, "command-seal-key"}, {OrdersActor, "dev-token-key"}, {PaymentsSvc, "obo-key"},
	} {
		value, ok := secrets[needed[0]][needed[1]]
		if !ok {
			return fmt.Errorf("%s: secret %q has no key %q; %s", file, needed[0], needed[1], remedy)
		}
		if decoded, err := base64.StdEncoding.DecodeString(value); err != nil || len(decoded) < keySize {
			return fmt.Errorf("%s: key %q of secret %q must be at least %d bytes in base64; %s", file, needed[1], needed[0], keySize, remedy)
		}
	}
	for name, value := range secrets[PaymentsSvc] { // during a key rotation it accepts more than one
		if strings.HasPrefix(name, "obo-key") && value == secrets[OrdersActor]["obo-key"] {
			return nil
		}
	}
	return fmt.Errorf("%s: %q does not accept the key %q of %q, so no payment would be made; %s", file, PaymentsSvc, "obo-key", OrdersActor, remedy)
}
