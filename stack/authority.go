package stack

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// renewBefore is how long before their end sentry's own certificates, which are valid for a year, are replaced. Only this
// stack trusts them.
const renewBefore = 60 * 24 * time.Hour

// checkAuthority returns why sentry can't work with the certificates in folder until renewBefore has passed, or nil.
func checkAuthority(folder string, now time.Time) error {
	text, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("ca.crt holds no certificate")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("ca.crt: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "issuer.crt"), filepath.Join(folder, "issuer.key"))
	if err != nil {
		return err
	}
	if err := pair.Leaf.CheckSignatureFrom(root); err != nil {
		return fmt.Errorf("issuer.crt isn't signed by ca.crt: %w", err)
	}
	for _, c := range []*x509.Certificate{root, pair.Leaf} {
		if now.Before(c.NotBefore) || now.Add(renewBefore).After(c.NotAfter) {
			return fmt.Errorf("a certificate is valid from %s to %s only", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
		}
	}
	return nil
}
