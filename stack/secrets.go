package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// makeSecrets writes the services' keys into a file, unless it is there: tokens and sealed commands outlive a restart.
func makeSecrets(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	onBehalf := key() // the one key that both services hold
	content, err := json.MarshalIndent(map[string]map[string]string{
		"orders-actor": {"obo-key": onBehalf, "command-seal-key": key(), "dev-token-key": key()},
		"payments-svc": {"obo-key": onBehalf},
	}, "", "  ")
	if err != nil {
		return err
	}
	// Into its place in one step: a half-written file would never be made whole.
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return fmt.Errorf("make the keys: %w", err)
	}
	return os.Rename(file+".new", file)
}

// key is a random key for HMAC-SHA256.
func key() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
